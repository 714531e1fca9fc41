// The flights of examples/flights through a real Kafka and a local AWS on this machine, without Docker: two workers, fed, one of them killed,
// drained, and compared with the same pipeline in one process.
//   npm run demo:kafka -- [--partitions 4] [--keep]             --keep: leaves Kafka and AWS running
//   npm run demo:kafka -- --kafka host:port --aws http://...    with those that run already (compose.yaml in services/, for instance)
// Needs Java 17, Maven and Python 3.10 with venv; what it installs goes to ~/.cache/millrace.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { shareMillrace } from '../cli/package-root.ts';
import { KafkaClient } from '../lib/adapters/kafka/index.ts';
import { compare, embedded, example, feed, flightsOfTheYear, RESULTS, results, say, table } from './flights-demo.ts';
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

const cli = fileURLToPath(new URL('../cli/main.ts', import.meta.url));

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

  const flights = flightsOfTheYear();
  const half = flights.length >> 1;
  await feed(client, 'flights', PARTITIONS, flights.slice(0, half));
  say(`${half.toLocaleString('en')} fed; killing one of the workers (SIGKILL)`);
  await sleep(3_000);
  first.kill('SIGKILL');
  await feed(client, 'flights', PARTITIONS, flights.slice(half));
  say(`${flights.length.toLocaleString('en')} fed; draining: sources end where they stand, every window closes`);

  await command(['stop', '--drain', '--pipeline', 'flight-delays', ...stores]);
  if (second.exitCode === null) await once(second, 'exit');
  say(`the run is over (the other worker ended by itself, with ${second.exitCode})`);

  const seen = await results(client, (result) => result);
  const equal = compare(seen, await embedded());
  client.close();
  console.log(`\n${table(seen)}\n`);
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
