export { BlobMissing } from './blob-missing.ts';
export * from './cell-table.ts';
export { applyCells, type CellVisitor, decodeCells, encodeCells, restoring } from './delta-codec.ts';
export * from './keyed-store.ts';
export { decodeManifest } from './snapshot-manifest.ts';
export * from './snapshots.ts';
export { TimerQueue } from './timer-queue.ts';
