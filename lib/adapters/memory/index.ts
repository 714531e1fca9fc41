export * from './memory-atomic-step.ts';
export * from './memory-blob-store.ts';
export * from './memory-commit-store.ts';
export * from './memory-lease.ts';
export * from './memory-log.ts';
