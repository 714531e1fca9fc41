export type { FilePath } from './file-set.ts';
export * from './json-array.ts';
export { type JsonlOptions, jsonl } from './jsonl.ts';
export { type FileSinkOptions, toJsonl } from './to-jsonl.ts';
