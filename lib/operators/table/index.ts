export { type Change, type ChangeKind, type ChangeRow, emitChange, rowOf } from './change.ts';
export { type ForeignKey, resolveOperator, respondOperator, subscribeOperator } from './foreign-key-join.ts';
export { globalJoinOperator, type KeyOfRecord } from './global-join.ts';
export {
  aggregateGroupsOperator,
  countGroups,
  type EntryChange,
  type GroupAggregation,
  type GroupOptions,
  reduceGroups,
  regroupOperator,
} from './group.ts';
export { ROWS } from './rows.ts';
export { type StreamTableJoiner, streamTableJoinOperator } from './stream-table-join.ts';
export {
  type HeldLimits,
  type Suppression,
  suppressOperator,
  type TimeLimitOptions,
  untilTimeLimit,
  untilWindowCloses,
  type WhenFull,
} from './suppress.ts';
export { type TableJoiner, tableJoinOperator } from './table-table-join.ts';
export { temporalJoinOperator } from './temporal-join.ts';
export { aggregateToTableOperator, type RowOf, toTableOperator } from './to-table.ts';
export { changesOperator, filterTableOperator, mapValuesOperator, rowsOperator, upsertsOperator } from './views.ts';
export { windowRowsOperator } from './window-rows.ts';
