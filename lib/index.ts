/** millrace: stateful, event-time pipelines in TypeScript. Connectors for files come from `millrace/files`, the test kit from `millrace/testing`. */
export * from './adapters/memory-connectors/index.ts';
export {
  after,
  before,
  type Duration,
  days,
  type ErrorKind,
  type EventTime,
  epochMillis,
  epochSeconds,
  hours,
  type Key,
  MillraceError,
  milliseconds,
  minutes,
  seconds,
  type WallTime,
} from './model/index.ts';
export * from './operators/aggregate/index.ts';
export { type SideOutput, sideOutput, type } from './operators/index.ts';
export * from './pipeline/index.ts';
export type { Plan } from './plan/index.ts';
export type { SinkConnector, SourceConnector } from './ports/index.ts';
