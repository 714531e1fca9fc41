export * from './collection.ts';
export * from './generator.ts';
export * from './to-memory.ts';
