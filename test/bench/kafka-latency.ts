/** How long a record is on its way from one topic through an exchange to another, with exactly once, when there is time. */
import { setTimeout as sleep } from 'node:timers/promises';
import { json } from '../../lib/adapters/formats/index.ts';
import { kafka, toKafka } from '../../lib/adapters/kafka/index.ts';
import { pipeline } from '../../lib/index.ts';
import type { Guarantee } from '../../lib/ports/index.ts';
import type { Measurement } from './case.ts';
import { connect, needBroker, newTopic, PARTITIONS } from './kafka-broker.ts';
import { kafkaPorts, openWorkerOn } from './kafka-worker.ts';
import { quantile } from './latency.ts';

const RATE = 1_000;
/** Records at the beginning that do not count. */
const WARM_UP = 5_000;

interface Row {
  readonly n: number;
  readonly key: string;
}

export const kafkaLatency: Measurement = {
  kind: 'measurement',
  name: 'kafka: latency through one exchange at 1,000 records/s',
  records: 20_000,
  prepare: needBroker,
  async run({ records }) {
    const figures = [];
    for (const guarantee of ['exactly-once', 'idempotent'] as const) {
      const spent = await latencies(records, guarantee);
      figures.push({ what: `p50, ${guarantee}`, value: quantile(spent, 0.5), unit: 'ms' });
      figures.push({ what: `p99, ${guarantee}`, value: quantile(spent, 0.99), unit: 'ms' });
    }
    return figures;
  },
};

/** Milliseconds from the moment at which a record was due to be sent to that at which a reader of committed records has it. Sender and reader are in this process. */
async function latencies(records: number, guarantee: Guarantee): Promise<number[]> {
  const client = connect();
  const outside = connect();
  const [input, out] = await Promise.all([newTopic(client, `in-${guarantee}`), newTopic(client, `out-${guarantee}`)]);
  const made = pipeline(
    `latency-${guarantee}`,
    (p) => {
      p.source('in', kafka<Row>({ topic: input.name, format: json<Row>() }))
        .keyBy('key', (r) => r.key)
        .map((r) => r)
        .to('out', toKafka<Row>({ topic: out.name, format: json(), guarantee }));
    },
    { parallelism: 4 },
  );
  const worker = await openWorkerOn(kafkaPorts(client, out.name), made);
  const running = worker.run();
  const began = performance.now();
  const due = (n: number): number => began + ((n + 1) * 1_000) / RATE;
  const sending = (async () => {
    for (let n = 0; n < records; await sleep(1)) {
      const batch = [];
      for (; n < records && due(n) <= performance.now(); n++) {
        const value = Buffer.from(JSON.stringify({ n, key: `key-${n % 97}` } satisfies Row));
        batch.push({ topic: input.name, partition: n % PARTITIONS, record: { value } });
      }
      void outside.append(batch);
    }
  })();
  const spent: number[] = [];
  let seen = 0;
  const reader = outside.reader();
  const froms = new Array<number>(PARTITIONS).fill(0);
  while (seen < records) {
    const places = froms.map((from, partition) => ({ topic: out, partition, from }));
    const slices = await reader.read(places, { bytes: 1_000_000, committedOnly: true }, 1_000);
    const now = performance.now();
    for (const [partition, slice] of slices.entries()) {
      if (slice === undefined) continue;
      froms[partition] = slice.next;
      seen += slice.records.length;
      for (const { value } of slice.records) {
        const { n }: Row = JSON.parse(Buffer.from(value!).toString());
        if (n >= WARM_UP) spent.push(now - due(n));
      }
    }
  }
  await sending;
  worker.stop();
  await running;
  client.close();
  outside.close();
  return spent.sort((a, b) => a - b);
}
