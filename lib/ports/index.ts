export type * from './atomic-step.ts';
export type * from './blob-store.ts';
export type * from './commit-store.ts';
export type * from './log.ts';
export type * from './sink.ts';
export * from './source.ts';
export type * from './system.ts';
export type * from './telemetry.ts';
