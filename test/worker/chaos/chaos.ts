/**
 * Workers on real stores that are killed, stopped for longer than the others wait for them, and woken again, while records come in; then the run is drained,
 * and what readers of committed records find is compared with what there must be.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { KafkaClient } from '../../../lib/adapters/kafka/index.ts';
import { SeededRandom } from '../../../lib/adapters/simulated/index.ts';
import { silentTelemetry } from '../../../lib/adapters/telemetry/index.ts';
import { newestRun } from '../../../lib/runtime/index.ts';
import { connectStores, requestDrain, type StoresOptions } from '../../../lib/worker/index.ts';
import type { PerSecond, Row, Running } from './pipeline.ts';
import { WorkerProcess } from './worker-process.ts';

export interface ChaosOptions {
  /** Names topics, table and bucket. */
  readonly name: string;
  readonly seed: number;
  /** How long records come in and workers are troubled. */
  readonly seconds: number;
  readonly workers: number;
  readonly stores: StoresOptions;
  /** For the processes: how they reach the stores. */
  readonly env: Readonly<Record<string, string>>;
  /** Further trouble, begun every few seconds: restarts of brokers and stores. */
  readonly trouble?: readonly (() => Promise<string>)[];
  /** Half-way there is newer code: workers that start from then on mostly have it. */
  readonly upgrade?: boolean;
  readonly tell?: (what: string) => void;
  /** Tells what workers say too. */
  readonly verbose?: boolean;
}

export interface ChaosReport {
  readonly rows: number;
  /** What is wrong; nothing if all is well. */
  readonly faults: readonly string[];
  readonly story: readonly string[];
}

const PARTITIONS = 4;
const KEYS = 12;
/** Longer than the session timeout: the others take over from a sleeper. */
const SLEEP = 5_000;
const SESSION = 2;
/** How long a drain may take on a busy machine. */
const PATIENCE = 180_000;
const PIPELINE = fileURLToPath(new URL('pipeline.ts', import.meta.url));

export async function chaos(options: ChaosOptions): Promise<ChaosReport> {
  const story: string[] = [];
  const began = performance.now();
  const tell = (what: string): void => {
    const line = `${((performance.now() - began) / 1_000).toFixed(1)} s  ${what}`;
    story.push(line);
    options.tell?.(line);
  };
  const { name, stores } = options;
  const client = new KafkaClient(stores.kafka, { patience: 300_000 });
  try {
    const topics = { rows: `${name}.rows`, running: `${name}.running`, seconds: `${name}.seconds` };
    for (const topic of Object.values(topics)) {
      await client.ensureTopic({ name: topic, partitions: PARTITIONS, replicas: 1, settings: {} });
    }
    const producer = new Producer(client, topics.rows);
    const troubled = await trouble(options, producer, tell);
    const faults = [...troubled, ...(await faultsIn(client, topics, producer.rows))];
    return { rows: producer.rows.length, faults, story };
  } finally {
    client.close();
  }
}

/** Appends rows of known keys, each key's in one partition and in order. */
class Producer {
  readonly rows: Row[] = [];
  readonly #client: KafkaClient;
  readonly #topic: string;
  readonly #counts = new Map<string, number>();

  constructor(client: KafkaClient, topic: string) {
    this.#client = client;
    this.#topic = topic;
  }

  /** So many rows; resolves when they are in the topic. */
  async produce(rows: number, random: SeededRandom): Promise<void> {
    const records = Array.from({ length: rows }, () => {
      const k = Math.floor(random.next() * KEYS);
      const key = `k${k}`;
      const n = (this.#counts.get(key) ?? 0) + 1;
      this.#counts.set(key, n);
      const row: Row = { key, n, at: Date.now() };
      this.rows.push(row);
      const value = Buffer.from(JSON.stringify(row));
      return { topic: this.#topic, partition: k % PARTITIONS, record: { key: Buffer.from(key), value } };
    });
    await this.#client.append(records);
  }
}

async function trouble(options: ChaosOptions, producer: Producer, tell: (what: string) => void): Promise<string[]> {
  const workers: WorkerProcess[] = [];
  try {
    await torment(options, workers, producer, tell);
    return await drained(options, workers, tell);
  } finally {
    for (const worker of workers) if (worker.alive) worker.kill();
  }
}

/** Starts workers, and troubles them while records come in. */
async function torment(
  options: ChaosOptions,
  workers: WorkerProcess[],
  producer: Producer,
  tell: (what: string) => void,
): Promise<void> {
  const { name, env, seconds, workers: size } = options;
  const random = new SeededRandom(options.seed);
  const waking = new Set<Promise<void>>();
  let born = 0;
  const args = ['--create', '--session-timeout', String(SESSION), '--pump-period', '0.5', '--topic-prefix', `${name}.`];
  const start = (version: number): void => {
    const me = `w${++born}`;
    const hear = options.verbose === true ? (line: string) => tell(`${me}: ${line}`) : undefined;
    const worker = new WorkerProcess(
      me,
      PIPELINE,
      args,
      { ...env, CHAOS_NAME: name, CHAOS_VERSION: String(version) },
      hear,
    );
    workers.push(worker);
    tell(`${worker.name} starts${version > 0 ? ` with version ${version}` : ''}`);
  };
  for (let i = 0; i < size; i++) start(0);
  for (let waited = 0; waited < 90 && !workers.some(({ lines }) => lines.length > 0); waited++) await sleep(1_000);
  const end = performance.now() + seconds * 1_000;
  const producing = (async () => {
    while (performance.now() < end) {
      await producer.produce(1 + Math.floor(random.next() * 30), random);
      await sleep(50);
    }
  })();
  producing.catch(() => {});
  while (performance.now() < end) {
    await sleep(1_000 + random.next() * 3_000);
    const living = workers.filter((worker) => worker.alive && !worker.asleep);
    const victim = living[Math.floor(random.next() * living.length)];
    const what = random.next();
    if (options.trouble !== undefined && what < 0.2) {
      tell(await options.trouble[Math.floor(random.next() * options.trouble.length)]!());
    } else if (victim !== undefined && what < 0.5) {
      tell(`${victim.name} is killed`);
      victim.kill();
    } else if (victim !== undefined && what < 0.8) {
      tell(`${victim.name} is stopped`);
      victim.sleep();
      const wake = sleep(SLEEP).then(() => {
        tell(`${victim.name} wakes`);
        victim.wake();
      });
      waking.add(wake);
    } else if (victim !== undefined && what < 0.9) {
      tell(`${victim.name} is asked to end`);
      victim.terminate();
    }
    const isLate = options.upgrade === true && performance.now() > end - seconds * 500;
    while (workers.filter(({ alive }) => alive).length < size) start(isLate && random.next() < 0.7 ? 1 : 0);
  }
  await Promise.all([producing, ...waking]);
  if (options.upgrade === true) {
    // One of each: the older code finishes what is still at it, wherever that has gone too early.
    start(0);
    start(1);
  }
}

/** Drains the run and waits for its end. */
async function drained(
  { stores }: ChaosOptions,
  workers: readonly WorkerProcess[],
  tell: (what: string) => void,
): Promise<string[]> {
  const connected = await connectStores(stores, silentTelemetry);
  try {
    const run = await newestRun(connected.commits, 'chaos');
    if (run === undefined) return ['there is no run'];
    await requestDrain(connected.commits, run, Date.now());
    tell('the run is to be drained');
    const living = workers.filter(({ alive }) => alive);
    const ends = Promise.all(living.map(({ ended }) => ended));
    const found = await Promise.race([ends, sleep(PATIENCE, undefined, { ref: false })]);
    const lines = living.flatMap((worker) => worker.lines.slice(-20).map((line) => `${worker.name}: ${line}`));
    if (found === undefined) return ['the run was not drained in time', ...lines];
    tell('all workers have ended');
    return found.flatMap(({ code }, i) => (code === 0 ? [] : [`${living[i]!.name} ended with ${code}`, ...lines]));
  } finally {
    connected.close();
  }
}

async function faultsIn(
  client: KafkaClient,
  topics: { readonly running: string; readonly seconds: string },
  rows: readonly Row[],
): Promise<string[]> {
  const running = await committed<Running>(client, topics.running);
  const perSecond = await committed<PerSecond>(client, topics.seconds);
  const versions = new Map<string, number>();
  const back: string[] = [];
  for (const { key, n, version } of [...running].sort((a, b) => a.n - b.n)) {
    if (version < (versions.get(key) ?? 0)) back.push(`${key} ${n} was counted by code gone past`);
    versions.set(key, version);
  }
  const expected = new Map<string, number>();
  for (const { key, at } of rows) {
    const window = `${key} until ${Math.floor(at / 1_000) * 1_000 + 1_000}`;
    expected.set(window, (expected.get(window) ?? 0) + 1);
  }
  return [
    ...back.slice(0, 10),
    ...differences(
      'running count',
      rows.map(({ key, n }) => `${key} ${n}`),
      running.map(({ key, n }) => `${key} ${n}`),
    ),
    ...differences(
      'count of a second',
      [...expected].map(([window, n]) => `${window}: ${n}`),
      perSecond.map(({ key, windowEnd, n }) => `${key} until ${windowEnd}: ${n}`),
    ),
  ];
}

/** All that a reader of committed records finds in a topic. */
async function committed<T>(client: KafkaClient, name: string): Promise<T[]> {
  const topic = (await client.topic(name))!;
  const found: T[] = [];
  for (let partition = 0; partition < PARTITIONS; partition++) {
    const { end } = await client.bounds(topic, partition);
    for (let from = 0; from < end; ) {
      const slice = await client.read({ topic, partition, from }, { bytes: 1_000_000, committedOnly: true });
      for (const { value } of slice.records) found.push(JSON.parse(Buffer.from(value!).toString()) as T);
      if (slice.next === from) break;
      from = slice.next;
    }
  }
  return found;
}

function differences(what: string, expected: readonly string[], found: readonly string[]): string[] {
  const counts = new Map<string, number>();
  for (const each of expected) counts.set(each, (counts.get(each) ?? 0) + 1);
  for (const each of found) counts.set(each, (counts.get(each) ?? 0) - 1);
  const wrong = [...counts].filter(([, n]) => n !== 0);
  const some = wrong.slice(0, 10).map(([each, n]) => `${what} ${each}: ${n > 0 ? `missing ${n}` : `${-n} too many`}`);
  return wrong.length > 10 ? [...some, `${what}: ${wrong.length} differences in all`] : some;
}
