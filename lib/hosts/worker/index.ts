export * from './fixed-assignment.ts';
export type { LoopState } from './task-loop.ts';
export * from './worker.ts';
