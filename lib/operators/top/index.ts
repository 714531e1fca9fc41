export type { Order, SortKey } from './sort-key.ts';
export { topOfEntitiesOperator, topOfTableOperator } from './top-of-entries.ts';
export { topOfRecordsOperator } from './top-of-records.ts';
export type { TopOfRecordsSpec, TopSpec } from './top-options.ts';
export type { TopRows } from './top-rows.ts';
