export * from './error.ts';
export { hash64 } from './hash64.ts';
export type { Json } from './json.ts';
export * from './key.ts';
export { murmur2, partitionOfBytes } from './murmur2.ts';
export * from './position.ts';
export * from './task-id.ts';
export * from './time.ts';
