export * from './cell-table.ts';
export * from './delta-codec.ts';
export * from './keyed-store.ts';
