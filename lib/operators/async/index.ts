export * from './async-operator.ts';
export type { CallOptions, ClientOptions } from './calls.ts';
export * from './lookup-join.ts';
