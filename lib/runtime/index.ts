export * from './attempt.ts';
export * from './dead-letter.ts';
export { birth, blobPrefix, load } from './load.ts';
export { metrics } from './report.ts';
export { decodeBody, type Debt, type Sheet } from './sheet.ts';
export type { StageCode } from './stage-chain.ts';
export * from './task.ts';
export * from './task-host.ts';
export type { TaskState } from './task-state.ts';
