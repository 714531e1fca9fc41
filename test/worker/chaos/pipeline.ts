/** Counts records by key, running and by second: every answer is known. The environment says which version of the code this is; all stages count as changed. */
import { boundedOutOfOrderness, count, epochMillis, pipeline, seconds, tumbling } from 'millrace';
import { json } from 'millrace/formats';
import { kafka, toKafka } from 'millrace/kafka';

/** One record: the `n`-th of its key. */
export interface Row {
  readonly key: string;
  readonly n: number;
  readonly at: number;
}

/** Of each key, one result for each record. */
export interface Running {
  readonly key: string;
  readonly n: number;
  /** The code that counted. */
  readonly version: number;
}

/** Of each key and second, one result. */
export interface PerSecond {
  readonly key: string;
  readonly windowEnd: number;
  readonly n: number;
}

const name = process.env['CHAOS_NAME'] ?? 'chaos';
const version = Number(process.env['CHAOS_VERSION'] ?? 0);

export const topics = { rows: `${name}.rows`, running: `${name}.running`, seconds: `${name}.seconds` };

export default pipeline(
  'chaos',
  (p) => {
    const byKey = p
      .source('rows', kafka<Row>({ topic: topics.rows, format: json<Row>() }), {
        eventTime: (row) => epochMillis(row.at),
        watermark: boundedOutOfOrderness(seconds(1)),
        idle: 'hold',
      })
      .keyBy('by-key', (row) => row.key);
    byKey
      .aggregate('running', { n: count() })
      .map('stamped', (running): Running => ({ ...running, version }))
      .to('running-out', toKafka({ topic: topics.running, format: json() }));
    byKey
      .window(tumbling(seconds(1)))
      .aggregate('per-second', { n: count() })
      .to('seconds-out', toKafka<PerSecond>({ topic: topics.seconds, format: json() }));
  },
  { parallelism: 4, version: String(version) },
);
