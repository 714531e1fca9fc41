export { comparePlans, type PlanComparison } from './compare.ts';
export { type Compiled, compile, invalidPipeline, routedBy } from './compile.ts';
export { planAsJson, planAsMermaid, planAsText } from './describe.ts';
export type * from './draft.ts';
export { dataFingerprint, fingerprint } from './fingerprint.ts';
export { DEAD_LETTERS, mistakeInName } from './names.ts';
export type * from './plan.ts';
export { isKeyed } from './validate.ts';
