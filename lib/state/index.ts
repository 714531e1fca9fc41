export * from './cell-table.ts';
export * from './keyed-store.ts';
