export type * from './flow-control.ts';
export type { OperatorOptions, Partitioner } from './graph.ts';
export type * from './lookups.ts';
export type * from './patterns.ts';
export * from './pipeline.ts';
export type * from './ranking.ts';
export * from './restart.ts';
export { maxFutureOf, type SourceDefinition, type SourceOptions } from './source.ts';
export type * from './streams.ts';
export type * from './tables.ts';
export {
  ascendingTimestamps,
  boundedOutOfOrderness,
  type WatermarkGenerator,
  type WatermarkGeneratorOptions,
  type WatermarkStrategy,
  watermarkGenerator,
} from './watermark.ts';
export type * from './window-all.ts';
