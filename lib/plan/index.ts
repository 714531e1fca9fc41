export { type Compiled, compile, invalidPipeline } from './compile.ts';
export type * from './draft.ts';
export { fingerprint } from './fingerprint.ts';
export { mistakeInName } from './names.ts';
export type * from './plan.ts';
