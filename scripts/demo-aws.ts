// The flights of examples/flights, deployed: the CDK puts functions, table, bucket, mappings and schedule into a local AWS that really runs them, and
// millrace's event source delivers what comes to the topics of a real Kafka. Fed, drained, compared with the same pipeline in one process, destroyed.
//   npm run demo:aws -- [--partitions 4] [--bad-day] [--keep]    --bad-day: deliveries repeat, overlap and fail; --keep: leaves Kafka and AWS running
// Needs Java 17, Maven and Python 3.10 with venv, no Docker and no account; what it installs goes to ~/.cache/millrace.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type CdkApp, deployApp, destroyApp } from '../cli/cdk-toolkit.ts';
import { awsAt, startCloud, stopCloud, variablesFor } from '../cli/local-cloud.ts';
import { shareMillrace } from '../cli/package-root.ts';
import { KafkaClient } from '../lib/adapters/kafka/index.ts';
import { badDay, type News, StackEventSource } from '../lib/local/index.ts';
import { MillraceError, seconds } from '../lib/model/index.ts';
import {
  compare,
  embedded,
  example,
  feed,
  flightsOfTheYear,
  RESULTS,
  type Result,
  type Results,
  results,
  say,
  table,
} from './flights-demo.ts';

shareMillrace();
const { values: flags } = parseArgs({
  options: {
    partitions: { type: 'string', default: '4' },
    'bad-day': { type: 'boolean', default: false },
    keep: { type: 'boolean', default: false },
  },
});
const PARTITIONS = Number(flags.partitions);
const cli = fileURLToPath(new URL('../cli/main.ts', import.meta.url));
const topicOf = (id: Result | 'flights'): string => `flight-delays-${id}`;

const folder = await mkdtemp(join(tmpdir(), 'millrace-demo-'));
let events: StackEventSource | undefined;
process.once('SIGINT', () => void end(130));
process.once('SIGTERM', () => void end(143));

try {
  await demo();
  await end(process.exitCode ?? 0);
} catch (error) {
  const known =
    error instanceof MillraceError ? `${error.message}${error.hint === undefined ? '' : `\n${error.hint}`}` : error;
  console.error(known);
  await end(1);
}

async function demo(): Promise<void> {
  say('starting Kafka and a local AWS (the first time they are installed, which takes a minute)');
  const cloud = await startCloud({ folder });
  say(`Kafka at ${cloud.kafka}, AWS at ${cloud.endpoint}; deploying with the CDK`);
  const client = new KafkaClient({ brokers: [cloud.kafka] });
  // Results bear the time of what they tell of, 2001: a topic that keeps messages for a week would drop them at once.
  const settings = { 'retention.ms': '-1' };
  for (const id of ['flights', ...RESULTS] as const) {
    await client.ensureTopic({ name: topicOf(id), partitions: PARTITIONS, replicas: 1, settings });
  }
  const context = { pipeline: example, brokers: cloud.kafka, partitions: String(PARTITIONS), removal: 'destroy' };
  const app: CdkApp = { folder: join(folder, 'cdk'), cloud, context };
  const stacks = await deployApp(app);

  events = await StackEventSource.open({
    ...{ stacks, aws: awsAt(cloud.endpoint), kafka: { brokers: [cloud.kafka] }, tell },
    ...(flags['bad-day'] ? { habits: badDay } : {}),
    schedule: seconds(5),
  });
  say(`deployed: ${events.mappings.length} stages, each a function behind a topic, and a controller on a schedule`);

  const flights = flightsOfTheYear();
  await feed(client, topicOf('flights'), PARTITIONS, flights);
  say(`${flights.length.toLocaleString('en')} flights fed; results as they arrive:`);
  await arriving(client);

  say('draining: sources end where they stand, every window closes');
  await millrace(['stop', '--drain', '--deployment', stacks.at(-1)!], variablesFor(cloud));
  const seen = await results(client, topicOf);
  const equal = compare(seen, await embedded());
  console.log(`\n${table(seen)}\n`);
  if (!equal) process.exitCode = 1;
  client.close();

  await events.stop();
  if (flags.keep) return;
  say('destroying what was deployed');
  await destroyApp(app);
}

/** Until nothing more has come for a while: the last windows wait for the drain. */
async function arriving(client: KafkaClient): Promise<void> {
  const counts = (found: Results): string => RESULTS.map((name) => `${name} ${found[name].length}`).join(', ');
  let before = '';
  for (let still = 0; still < 3; ) {
    await sleep(2_000);
    const now = counts(await results(client, topicOf));
    still = now === before && !/ 0\b/.test(now.split(', ')[0]!) ? still + 1 : 0;
    if (now !== before) say(`  ${now}`);
    before = now;
  }
}

function tell(news: News): void {
  if (news.kind === 'failed') say(`  a function failed, and is called again: ${news.message}`);
}

async function millrace(args: readonly string[], env: Readonly<Record<string, string>>): Promise<void> {
  const child = spawn(process.execPath, [cli, ...args], { stdio: 'inherit', env: { ...process.env, ...env } });
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code !== 0) throw new MillraceError('unavailable', `millrace ${args[0]} ended with ${code}`);
}

async function end(code: number | string): Promise<never> {
  await Promise.race([events?.stop(), sleep(5_000)]);
  if (flags.keep) console.log(`Kafka and AWS go on; millrace local down --folder ${folder} stops them`);
  else {
    await stopCloud(folder);
    await rm(folder, { recursive: true, force: true });
  }
  process.exit(Number(code));
}
