/** How long a record is on its way through two exchanges when there is time. */

import { runEmbedded } from '../../lib/embedded/index.ts';
import { generator, pipeline, toFunction } from '../../lib/index.ts';
import type { Measurement } from './case.ts';

const RATE = 1_000;
/** Records at the beginning that do not count. */
const WARM_UP = 2_000;

export const latency: Measurement = {
  kind: 'measurement',
  name: 'latency through two exchanges at 1,000 records/s',
  records: 10_000,
  async run({ records, dir }) {
    const inMemory = await latencies(records, undefined);
    const durable = await latencies(records, `${dir}/data`);
    return [
      { what: 'p50, in memory', value: quantile(inMemory, 0.5), unit: 'ms' },
      { what: 'p99, in memory', value: quantile(inMemory, 0.99), unit: 'ms' },
      { what: 'p50, durable', value: quantile(durable, 0.5), unit: 'ms' },
      { what: 'p99, durable', value: quantile(durable, 0.99), unit: 'ms' },
    ];
  },
};

/** Milliseconds from the moment at which a record was due to that at which the sink got it. */
async function latencies(records: number, dataDir: string | undefined): Promise<number[]> {
  let began = Number.POSITIVE_INFINITY;
  const spent: number[] = [];
  const record = (n: number) => {
    began = Math.min(began, performance.now() - due(n));
    return { n, key: n % 97 };
  };
  const made = pipeline(
    'latency',
    (p) => {
      p.source('numbers', generator({ rate: RATE, count: records, record }))
        .keyBy('first', (r) => r.key)
        .map((r) => ({ ...r, other: r.n % 89 }))
        .keyBy('second', (r) => r.other)
        .filter((r) => r.n >= WARM_UP)
        .to(
          'out',
          toFunction<{ readonly n: number }>((rows) => {
            const now = performance.now();
            for (const { n } of rows) spent.push(now - began - due(n));
          }),
        );
    },
    { parallelism: 4 },
  );
  await runEmbedded(made, dataDir === undefined ? {} : { dataDir });
  return spent.sort((a, b) => a - b);
}

/** Milliseconds after the beginning at which a record may be read. */
const due = (n: number): number => ((n + 1) * 1_000) / RATE;

/** The value below which a part `q` of all lies. */
export function quantile(sorted: readonly number[], q: number): number {
  return sorted[Math.floor(q * (sorted.length - 1))] ?? Number.NaN;
}
