export {
  type Count,
  type Cumulating,
  countWindow,
  cumulating,
  type Global,
  globalWindow,
  type Hopping,
  hopping,
  LONGEST,
  type Session,
  type Sliding,
  session,
  sliding,
  type Tumbling,
  tumbling,
  type WindowAssigner,
  type WindowOptions,
} from './assigner.ts';
export { type DeltaFunction, deltaEvictor, deltaTrigger } from './delta.ts';
export type {
  AnyWindowFunction,
  MergedBounds,
  WindowFunction,
  WindowFunctionContext,
  WindowResult,
} from './emission.ts';
export {
  type Evictor,
  type EvictorContext,
  type EvictorFor,
  type EvictorOptions,
  keepLast,
  keepWithin,
  type WindowElement,
} from './evictor.ts';
export {
  earlyByCount,
  earlyByEventTime,
  earlyByProcessingTime,
  endOfWindow,
  everyCount,
  type Trigger,
  type TriggerContext,
  type TriggerDecision,
  type TriggerOptions,
} from './trigger.ts';
export { processingTimeout, purging, type TimeoutOptions } from './trigger-of-trigger.ts';
export type { WindowBounds, WindowTime } from './window.ts';
export * from './window-operator.ts';
