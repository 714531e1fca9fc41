import type { Case } from './case.ts';
import { coldStart } from './cold-start.ts';
import { flightCases } from './flights.ts';
import { joinCases } from './joins.ts';
import { kafkaCases } from './kafka.ts';
import { kafkaLatency } from './kafka-latency.ts';
import { kafkaStandby, kafkaTakeOver } from './kafka-take-over.ts';
import { kafkaWorkers } from './kafka-workers.ts';
import { latency } from './latency.ts';
import { rankCases } from './ranks.ts';
import { commits, flat, memory, throwing } from './state.ts';
import { tableCases } from './tables.ts';
import { windowCases } from './windows.ts';

export const cases: readonly Case[] = [
  ...flightCases,
  ...windowCases,
  ...joinCases,
  ...tableCases,
  ...rankCases,
  memory,
  commits,
  flat,
  throwing,
  latency,
  ...kafkaCases,
  kafkaLatency,
  kafkaWorkers,
  kafkaTakeOver,
  kafkaStandby,
  coldStart,
];
