export * from './collection.ts';
export * from './generator.ts';
export * from './replay.ts';
export * from './sorted.ts';
export * from './to-console.ts';
export * from './to-function.ts';
export * from './to-memory.ts';
