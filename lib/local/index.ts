/** Kafka-triggered functions without Lambda's own event source: what it does, on this machine, and what it may do on a bad day. */
export { type DeployedStack, readStack } from '../adapters/cloudformation/index.ts';
export { type Called, LambdaFunctions } from '../adapters/lambda/index.ts';
export type { CallFunction } from './delivery.ts';
export { type EventSourceOptions, LocalEventSource } from './event-source.ts';
export { badDay, goodDay, type Habits } from './habits.ts';
export { type KafkaMapping, mappingDefaults } from './mapping.ts';
export { type MappingsOptions, mappingsIn, type StackSchedule, schedulesIn } from './mappings-of-stack.ts';
export type { News, Stretch } from './news.ts';
export { LocalSchedule, type ScheduleOptions } from './schedule.ts';
export { StackEventSource, type StackEventSourceOptions } from './stack-event-source.ts';
