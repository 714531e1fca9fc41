export * from './commit-table.ts';
export * from './dynamo-client.ts';
export * from './dynamo-commit-store.ts';
export { DynamoLease, type DynamoLeaseOptions } from './dynamo-lease.ts';
export * from './dynamo-table.ts';
export { type TableProgressOptions, tableWatermark } from './table-progress.ts';
