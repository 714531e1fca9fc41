export * from './interval-join.ts';
export type { JoinKind } from './join-kind.ts';
