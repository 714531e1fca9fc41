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
  session,
  type Tumbling,
  tumbling,
  type WindowAssigner,
  type WindowOptions,
} from './assigner.ts';
export type { AnyWindowFunction, WindowFunction, WindowFunctionContext, WindowResult } from './emission.ts';
export { type Evictor, type EvictorContext, keepLast, keepWithin, type WindowElement } from './evictor.ts';
export {
  earlyByCount,
  earlyByProcessingTime,
  endOfWindow,
  everyCount,
  type Trigger,
  type TriggerContext,
  type TriggerDecision,
  type TriggerOptions,
} from './trigger.ts';
export type { WindowBounds, WindowTime } from './window.ts';
export * from './window-operator.ts';
