// What the demos of examples/flights have in common: the flights, fed by topics; the results, read from topics; and what one process makes of the same.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import { loadPipeline } from '../cli/load-pipeline.ts';
import { json } from '../lib/adapters/formats/index.ts';
import { type KafkaClient, kafka } from '../lib/adapters/kafka/index.ts';
import { systemClock } from '../lib/adapters/system/index.ts';
import { runEmbedded } from '../lib/embedded/index.ts';
import { type MemorySink, toMemory } from '../lib/index.ts';
import { partitionOf } from '../lib/model/index.ts';

export const example = fileURLToPath(new URL('../examples/flights', import.meta.url));

/** Sinks of the example. */
export const RESULTS = ['airport-days', 'ten-latest', 'alerts'] as const;
export type Result = (typeof RESULTS)[number];
export type Results = Record<Result, unknown[]>;

export interface Flight {
  readonly origin: string;
}

const dataset = join(
  dirname(createRequire(import.meta.url).resolve('vega-datasets')),
  '..',
  'data',
  'flights-20k.json',
);

/** 20,000 flights in the order of time. */
export const flightsOfTheYear = (): readonly Flight[] => JSON.parse(readFileSync(dataset, 'utf8')) as Flight[];

const began = performance.now();

/** Prints a line with the time since the demo began. */
export const say = (line: string): void =>
  console.log(`${((performance.now() - began) / 1_000).toFixed(1).padStart(6)} s  ${line}`);

/** Flights by their origin, as a producer of theirs would write them. */
export async function feed(
  client: KafkaClient,
  topic: string,
  partitions: number,
  flights: readonly Flight[],
): Promise<void> {
  for (let from = 0; from < flights.length; from += 1_000) {
    await client.append(
      flights.slice(from, from + 1_000).map((flight) => ({
        topic,
        partition: partitionOf(flight.origin, partitions),
        record: { key: Buffer.from(flight.origin), value: Buffer.from(JSON.stringify(flight)) },
      })),
    );
  }
}

/** What a reader of committed records finds in the topics of results. */
export async function results(client: KafkaClient, topicOf: (result: Result) => string): Promise<Results> {
  const found: Results = { 'airport-days': [], 'ten-latest': [], alerts: [] };
  for (const result of RESULTS) found[result].push(...(await committedValues(client, topicOf(result))));
  return found;
}

/** Values of a topic as a reader of committed records finds them, partition by partition. */
export async function committedValues(client: KafkaClient, topic: string): Promise<readonly unknown[]> {
  const signal = new AbortController().signal;
  const connections = new Map([['kafka', client]]);
  const log = await kafka({ topic, format: json() }).open({
    ...{ source: 'results', spool: undefined, connections, clock: systemClock, signal },
  });
  const values: unknown[] = [];
  for (let partition = 0; partition < log.info.partitions; partition++) {
    for (let from = 0, next = -1; next !== from; ) {
      from = Math.max(from, next);
      const slice = await log.read(partition, from, 10_000, undefined);
      values.push(...slice.values);
      next = slice.next;
    }
  }
  return values;
}

/** The same pipeline in this process, from the file. */
export async function embedded(): Promise<Results> {
  const sinks = Object.fromEntries(RESULTS.map((name) => [name, toMemory<unknown>()])) as Record<
    Result,
    MemorySink<unknown>
  >;
  const { pipeline } = await loadPipeline(example);
  await runEmbedded(pipeline, { bindings: { sinks } });
  return Object.fromEntries(
    RESULTS.map((name) => [name, sinks[name].records.map((record) => JSON.parse(JSON.stringify(record)))]),
  ) as Results;
}

/** Says of each kind of results whether both have the same, in any order. */
export function compare(seen: Results, expected: Results): boolean {
  let equal = true;
  for (const name of RESULTS) {
    const same = isDeepStrictEqual(sorted(seen[name]), sorted(expected[name]));
    equal &&= same;
    const verdict = same ? 'the same as' : `NOT the same as (${expected[name].length})`;
    say(`${name}: ${seen[name].length} results, ${verdict} in one process`);
  }
  return equal;
}

const sorted = (rows: readonly unknown[]): readonly string[] => rows.map((row) => JSON.stringify(row)).sort();

interface AirportDay {
  readonly airport: string;
  readonly departures: number;
  readonly late: number;
}

/** The airports with the most late departures, as text. */
export function table({ 'airport-days': days }: Results): string {
  const totals = new Map<string, { departures: number; late: number }>();
  for (const { airport, departures, late } of days as readonly AirportDay[]) {
    const total = totals.get(airport) ?? { departures: 0, late: 0 };
    totals.set(airport, { departures: total.departures + departures, late: total.late + late });
  }
  const worst = [...totals].sort(([, a], [, b]) => b.late - a.late).slice(0, 5);
  const rows = worst.map(
    ([airport, { departures, late }]) => `  ${airport}  ${String(late).padStart(5)} of ${departures}`,
  );
  return ['Most late departures:', ...rows].join('\n');
}
