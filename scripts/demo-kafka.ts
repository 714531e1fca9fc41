// The flights of examples/flights through a real Kafka and a local AWS on this machine, without Docker: two workers, fed, one of them killed,
// drained, and compared with the same pipeline in one process.
//   npm run demo:kafka -- [--partitions 4] [--keep]             --keep: leaves Kafka and AWS running
//   npm run demo:kafka -- --kafka host:port --aws http://...    with those that run already (compose.yaml in services/, for instance)
// Needs Java 17, Maven and Python 3.10 with venv; what it installs goes to ~/.cache/millrace.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual, parseArgs } from 'node:util';
import { loadPipeline } from '../cli/load-pipeline.ts';
import { shareMillrace } from '../cli/package-root.ts';
import { json } from '../lib/adapters/formats/index.ts';
import { KafkaClient, kafka } from '../lib/adapters/kafka/index.ts';
import { systemClock } from '../lib/adapters/system/index.ts';
import { runEmbedded } from '../lib/embedded/index.ts';
import { type MemorySink, toMemory } from '../lib/index.ts';
import { partitionOf } from '../lib/model/index.ts';
import { startKafka } from './services/kafka.ts';
import { startMinistack } from './services/ministack.ts';
import { ServiceMissing, stopProcess } from './services/service.ts';

shareMillrace();
const { values: flags } = parseArgs({
  options: {
    partitions: { type: 'string', default: '4' },
    keep: { type: 'boolean', default: false },
    kafka: { type: 'string' },
    aws: { type: 'string' },
  },
});
const PARTITIONS = Number(flags.partitions);
const RESULTS = ['airport-days', 'ten-latest', 'alerts'] as const;
type Result = (typeof RESULTS)[number];

const cli = fileURLToPath(new URL('../cli/main.ts', import.meta.url));
const example = fileURLToPath(new URL('../examples/flights', import.meta.url));
const dataset = join(
  dirname(createRequire(import.meta.url).resolve('vega-datasets')),
  '..',
  'data',
  'flights-20k.json',
);
const began = performance.now();
const say = (line: string): void =>
  console.log(`${((performance.now() - began) / 1_000).toFixed(1).padStart(6)} s  ${line}`);

const folder = await mkdtemp(join(tmpdir(), 'millrace-demo-'));
const workers = new Set<ChildProcess>();
process.once('SIGINT', () => void end(130));
process.once('SIGTERM', () => void end(143));

try {
  await demo();
  await end(process.exitCode ?? 0);
} catch (error) {
  console.error(error instanceof ServiceMissing ? `this machine cannot run the demo: ${error.message}` : error);
  await end(1);
}

async function demo(): Promise<void> {
  const [brokers, aws] = await services();
  say(`Kafka at ${brokers}, DynamoDB and S3 at ${aws}`);

  const client = new KafkaClient({ brokers: brokers.split(',') });
  await client.ensureTopic({ name: 'flights', partitions: PARTITIONS, replicas: 1, settings: {} });
  // Results bear the time of what they tell of, 2001: a topic that keeps messages for a week would drop them at once.
  const settings = { 'retention.ms': '-1' };
  for (const name of RESULTS) await client.ensureTopic({ name, partitions: 2, replicas: 1, settings });

  const stores = [
    ...['--kafka', brokers, '--table', 'commits', '--bucket', 'snapshots', '--endpoint', aws],
    ...['--region', 'us-east-1'],
  ];
  const bindings = ['flights', ...RESULTS].flatMap((id) => ['--bind', `${id}=kafka:${id}`]);
  const work = ['worker', example, ...stores, ...bindings, '--create', '--quiet', '--json', '--session-timeout', '6'];
  const [first, second] = await Promise.all([started(work), started(work)]);
  say('two workers have joined; feeding 20,000 flights');

  const flights = JSON.parse(readFileSync(dataset, 'utf8')) as { readonly origin: string }[];
  const half = flights.length >> 1;
  await feed(client, flights.slice(0, half));
  say(`${half.toLocaleString('en')} fed; killing one of the workers (SIGKILL)`);
  await sleep(3_000);
  first.kill('SIGKILL');
  await feed(client, flights.slice(half));
  say(`${flights.length.toLocaleString('en')} fed; draining: sources end where they stand, every window closes`);

  await command(['stop', '--drain', '--pipeline', 'flight-delays', ...stores]);
  if (second.exitCode === null) await once(second, 'exit');
  say(`the run is over (the other worker ended by itself, with ${second.exitCode})`);

  const [seen, expected] = [await results(client), await embedded()];
  let equal = true;
  for (const name of RESULTS) {
    const same = isDeepStrictEqual(sorted(seen[name]), sorted(expected[name]));
    equal &&= same;
    say(
      `${name}: ${seen[name].length} results, ${same ? 'the same as' : `NOT the same as (${expected[name].length})`} in one process`,
    );
  }
  client.close();
  console.log(`\n${table(seen['airport-days'] as readonly AirportDay[])}\n`);
  if (!equal) process.exitCode = 1;
}

/** Addresses of Kafka and AWS: as given, or started. */
async function services(): Promise<readonly [kafka: string, aws: string]> {
  if (flags.kafka !== undefined && flags.aws !== undefined) return [flags.kafka, flags.aws];
  say('starting Kafka and a local AWS (the first time they are installed, which takes a minute)');
  for (const name of ['kafka', 'aws']) await mkdir(join(folder, name));
  const [broker, aws] = await Promise.all([
    startKafka({ folder: join(folder, 'kafka') }),
    startMinistack({ folder: join(folder, 'aws') }),
  ]);
  return [flags.kafka ?? broker.address, flags.aws ?? aws.address];
}

/** Flights by their origin, as a producer of theirs would write them. */
async function feed(client: KafkaClient, flights: readonly { readonly origin: string }[]): Promise<void> {
  for (let from = 0; from < flights.length; from += 1_000) {
    await client.append(
      flights.slice(from, from + 1_000).map((flight) => {
        const partition = partitionOf(flight.origin, PARTITIONS);
        return {
          topic: 'flights',
          partition,
          record: { key: Buffer.from(flight.origin), value: Buffer.from(JSON.stringify(flight)) },
        };
      }),
    );
  }
}

/** What a reader of committed records finds in the result topics. */
async function results(client: KafkaClient): Promise<Record<Result, unknown[]>> {
  const signal = new AbortController().signal;
  const host = {
    source: 'results',
    spool: undefined,
    connections: new Map([['kafka', client]]),
    clock: systemClock,
    signal,
  };
  const found: Record<Result, unknown[]> = { 'airport-days': [], 'ten-latest': [], alerts: [] };
  for (const topic of RESULTS) {
    const log = await kafka({ topic, format: json() }).open(host);
    for (let partition = 0; partition < log.info.partitions; partition++) {
      for (let from = 0, next = -1; next !== from; ) {
        from = Math.max(from, next);
        const slice = await log.read(partition, from, 10_000, undefined);
        found[topic].push(...slice.values);
        next = slice.next;
      }
    }
  }
  return found;
}

/** The same pipeline in this process, from the file. */
async function embedded(): Promise<Record<Result, unknown[]>> {
  const sinks = Object.fromEntries(RESULTS.map((name) => [name, toMemory<unknown>()])) as Record<
    Result,
    MemorySink<unknown>
  >;
  const { pipeline } = await loadPipeline(example);
  await runEmbedded(pipeline, { bindings: { sinks } });
  return Object.fromEntries(
    RESULTS.map((name) => [name, sinks[name].records.map((record) => JSON.parse(JSON.stringify(record)))]),
  ) as Record<Result, unknown[]>;
}

function sorted(rows: readonly unknown[]): readonly string[] {
  return rows.map((row) => JSON.stringify(row)).sort();
}

interface AirportDay {
  readonly airport: string;
  readonly departures: number;
  readonly late: number;
}

function table(days: readonly AirportDay[]): string {
  const totals = new Map<string, { departures: number; late: number }>();
  for (const { airport, departures, late } of days) {
    const total = totals.get(airport) ?? { departures: 0, late: 0 };
    totals.set(airport, { departures: total.departures + departures, late: total.late + late });
  }
  const worst = [...totals].sort(([, a], [, b]) => b.late - a.late).slice(0, 5);
  const rows = worst.map(
    ([airport, { departures, late }]) => `  ${airport}  ${String(late).padStart(5)} of ${departures}`,
  );
  return ['Most late departures:', ...rows].join('\n');
}

/** A worker that has said that it is at work. */
async function started(args: readonly string[]): Promise<ChildProcess> {
  const worker = start(args, 'pipe');
  for await (const line of createInterface({ input: worker.stdout! })) {
    if ((JSON.parse(line) as { readonly event: string }).event === 'started') break;
  }
  worker.stdout!.resume();
  if (worker.exitCode !== null) throw new Error(`a worker ended with ${worker.exitCode}`);
  return worker;
}

function start(args: readonly string[], stdout: 'inherit' | 'pipe' = 'inherit'): ChildProcess {
  const env = { ...process.env, AWS_ACCESS_KEY_ID: 'demo', AWS_SECRET_ACCESS_KEY: 'demo' };
  const child = spawn(process.execPath, [cli, ...args], { stdio: ['ignore', stdout, 'inherit'], env });
  workers.add(child);
  child.once('exit', () => workers.delete(child));
  return child;
}

async function command(args: readonly string[]): Promise<void> {
  const [code] = (await once(start(args), 'exit')) as [number | null];
  if (code !== 0) throw new Error(`millrace ${args[0]} ended with ${code}`);
}

async function end(code: number | string): Promise<never> {
  for (const worker of workers) worker.kill('SIGKILL');
  if (flags.keep) console.log(`Kafka and AWS go on; their processes are named in ${folder}`);
  else {
    await Promise.all(['kafka', 'aws'].map((name) => stopProcess(join(folder, name)).catch(() => {})));
    await rm(folder, { recursive: true, force: true });
  }
  process.exit(Number(code));
}
