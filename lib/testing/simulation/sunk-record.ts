import type { SinkBatch } from '../../ports/index.ts';

/** A record as it reached a sink. */
export interface SunkRecord {
  readonly value: unknown;
  readonly time: number;
  readonly task: number;
  readonly cause: number;
}

export const sunkRecords = (task: number, { values, times, causes }: SinkBatch): SunkRecord[] =>
  values.map((value, i) => ({ value, time: times[i]!, task, cause: causes[i]! }));
