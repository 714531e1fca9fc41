export type { Change, ChangeKind, ChangeRow } from './change.ts';
export { type ForeignKey, resolveOperator, respondOperator, subscribeOperator } from './foreign-key-join.ts';
export {
  aggregateGroupsOperator,
  countGroups,
  type GroupAggregation,
  type GroupOptions,
  reduceGroups,
  regroupOperator,
} from './group.ts';
export { type StreamTableJoiner, streamTableJoinOperator } from './stream-table-join.ts';
export { type TableJoiner, tableJoinOperator } from './table-table-join.ts';
export { aggregateToTableOperator, ROWS, type RowOf, toTableOperator } from './to-table.ts';
export { changesOperator, filterTableOperator, mapValuesOperator, upsertsOperator } from './views.ts';
