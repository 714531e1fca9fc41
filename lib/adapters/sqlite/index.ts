export * from './directory-lock.ts';
export type { SqliteLog } from './sqlite-log.ts';
export * from './sqlite-store.ts';
export type { StateFileOptions } from './state-file.ts';
export type { TailCacheLimits } from './tail-cache.ts';
