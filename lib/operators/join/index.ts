export type { IntervalJoinContext, IntervalJoinSpec } from './interval-join.ts';
export { intervalJoinOperator } from './interval-join.ts';
export type { JoinKind } from './join-kind.ts';
export * from './window-join.ts';
