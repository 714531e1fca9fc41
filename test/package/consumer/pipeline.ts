import {
  boundedOutOfOrderness,
  collection,
  epochMillis,
  minutes,
  pipeline,
  seconds,
  sideOutput,
  toMemory,
  tumbling,
} from 'millrace';
import { count, mean } from 'millrace/aggregate';
import { toJsonl } from 'millrace/files';

export interface Reading {
  readonly sensor: string;
  readonly at: number;
  readonly value: number;
}

export const readings: readonly Reading[] = [
  { sensor: 'a', at: 0, value: 1 },
  { sensor: 'b', at: 10_000, value: 5 },
  { sensor: 'a', at: 50_000, value: 3 },
  { sensor: 'a', at: 61_000, value: 8 },
];

export const perMinute = toMemory<{ sensor: string; start: number; readings: number; mean: number }>();
const late = sideOutput<Reading>('late');

export default pipeline('readings', (p) => {
  const means = p
    .source('readings', collection(readings), {
      eventTime: (reading) => epochMillis(reading.at),
      watermark: boundedOutOfOrderness(seconds(10)),
    })
    // @ts-expect-error a reading has no such field
    .filter((reading) => reading.sensr !== '')
    .keyBy('by-sensor', (reading) => reading.sensor)
    .window(tumbling(minutes(1)), { late })
    .aggregate('means', { readings: count(), mean: mean((reading) => reading.value) }, (sensor, { start }, result) => ({
      ...{ sensor, start },
      readings: result.readings,
      mean: result.mean ?? Number.NaN,
    }));
  means.to('per-minute', perMinute);
  means.sideOutput(late).to('late', toJsonl<Reading>({ path: 'late.jsonl' }));
});
