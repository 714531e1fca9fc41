export * from './aggregate/index.ts';
export * from './async/index.ts';
export { callMistakes, faulty, functionMistakes, objectMistakes, optionsMistakes, settings } from './author-code.ts';
export { AuthorCounters, COUNTED } from './author-counters.ts';
export * from './broadcast.ts';
export * from './connect.ts';
export * from './deduplicate.ts';
export * from './definition.ts';
export * from './filter.ts';
export { type FlatMap, flatMapOperator } from './flat-map.ts';
export * from './join/index.ts';
export {
  type AggregatingDescriptor,
  type AggregatingState,
  aggregating,
  type ListDescriptor,
  type ListState,
  list,
  type MapDescriptor,
  type MapState,
  map,
  type ReducingDescriptor,
  type ReducingState,
  reducing,
  type StateDescriptor,
  type StateDescriptors,
  type StateOptions,
  type StatesOf,
  type Timers,
  type ValueDescriptor,
  type ValueState,
  value,
} from './keyed/index.ts';
export * from './map.ts';
export * from './operator.ts';
export * from './pattern/index.ts';
export * from './process.ts';
export * from './rate-limit.ts';
export * from './rolling.ts';
export * from './sample.ts';
export * from './side-output.ts';
export * from './split.ts';
export * from './table/index.ts';
export * from './top/index.ts';
export * from './type.ts';
export * from './window/index.ts';
