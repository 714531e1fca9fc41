/** Pipelines in this process: in memory, or durable in a data directory. */
export type { StopRequest } from '../adapters/directory/index.ts';
export type { Progress, RunEnd } from '../hosts/embedded/index.ts';
export type { AsOf, RowRead, RowsQuery, RowsRead, TableReader } from '../inspect/index.ts';
export { storedTable } from '../inspect/index.ts';
export { type EmbeddedOptions, type OpenEmbedded, openEmbedded } from './open-embedded.ts';
export type { RunProgress } from './progress.ts';
export { carryOut, type RunOptions, runEmbedded } from './run-embedded.ts';
export { stopDirectory } from './stop-directory.ts';
export { layout } from './storage.ts';
export type { RunSummary, SinkSummary } from './summary.ts';
export { readTable, type ServeTablesOptions, serveTables } from './tables.ts';
export { type DirectoryView, viewDirectory } from './view-directory.ts';
