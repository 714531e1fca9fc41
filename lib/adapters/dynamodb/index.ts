export * from './commit-table.ts';
export * from './dynamo-client.ts';
export * from './dynamo-commit-store.ts';
