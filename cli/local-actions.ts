/** What the commands of `millrace local` do. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { KafkaClient } from '../lib/adapters/kafka/index.ts';
import { processIn, startProcess, stopProcess } from '../scripts/services/service.ts';
import { type CdkApp, deployApp, destroyApp } from './cdk-toolkit.ts';
import { UsageError } from './exit-codes.ts';
import { loadPipeline } from './load-pipeline.ts';
import { awsAt, cloudIn, type LocalCloud, parts, startCloud, stopCloud, variablesFor } from './local-cloud.ts';
import { followStacks, followTopics } from './local-events.ts';
import type { CloudFlags, DeployFlags, DestroyFlags, DownFlags, EventsCommandFlags, UpFlags } from './local-flags.ts';
import { pipelineTopics } from './pipeline-topics.ts';
import { colours, print, printError, printJson } from './terminal.ts';

export async function up({ folder, kafkaPort, awsPort, json }: UpFlags): Promise<void> {
  const cloud = await startCloud({
    folder,
    ...(kafkaPort === undefined ? {} : { kafkaPort }),
    ...(awsPort === undefined ? {} : { awsPort }),
  });
  if (json === true) printJson({ event: 'up', ...cloud });
  else for (const [name, value] of Object.entries(variablesFor(cloud))) print(`export ${name}=${value}`);
}

export async function deploy(pipeline: string | undefined, flags: DeployFlags): Promise<void> {
  const { json = false } = flags;
  const cloud = await cloudOf(flags, true);
  const app = appOf(pipeline, cloud, flags);
  if (flags.app === undefined) await makeTopics(pipeline ?? '.', cloud, flags.partitions);
  if (!json) printError('deploying; the first time the CDK bootstraps the local account');
  const stacks = await deployApp(app);
  if (json) printJson({ event: 'deployed', stacks, ...cloud });
  else
    printError(
      `${colours.green('deployed')}: ${stacks.join(', ')} (AWS at ${cloud.endpoint}, Kafka at ${cloud.kafka})`,
    );
  if (!flags.events) return;
  if (flags.detach === true) return detach(stacks, cloud, flags);
  await followStacks(stacks, { aws: awsAt(cloud.endpoint), kafka: { brokers: cloud.kafka.split(',') } }, flags);
}

function appOf(pipeline: string | undefined, cloud: LocalCloud, flags: DeployFlags): CdkApp {
  if (pipeline !== undefined && flags.app !== undefined) {
    throw new UsageError('a pipeline and an app were given', 'an app of your own deploys its own pipelines');
  }
  const given = Object.fromEntries(
    flags.context.map((text) => {
      const at = text.indexOf('=');
      if (at < 1) throw new UsageError(`--context ${text} is no key=value`);
      return [text.slice(0, at), text.slice(at + 1)];
    }),
  );
  return {
    folder: join(flags.folder, 'cdk'),
    cloud,
    ...(flags.s3Endpoint === undefined ? {} : { s3Endpoint: flags.s3Endpoint }),
    ...(flags.app === undefined ? {} : { app: flags.app }),
    context: {
      brokers: cloud.kafka,
      ...(flags.app === undefined ? { pipeline: pipeline ?? '.', partitions: String(flags.partitions) } : {}),
      ...(flags.mappings ? {} : { mappings: 'false', schedule: 'false' }),
      ...given,
    },
  };
}

/** Results may bear the time of what they tell of: topics that keep messages for a week would drop those of old data at once. */
async function makeTopics(path: string, { kafka }: LocalCloud, partitions: number): Promise<void> {
  const { sources, sinks } = pipelineTopics((await loadPipeline(path)).pipeline);
  const client = new KafkaClient({ brokers: kafka.split(',') });
  try {
    for (const name of [...sources.values(), ...sinks.values()]) {
      await client.ensureTopic({ name, partitions, replicas: -1, settings: { 'retention.ms': '-1' } });
    }
  } finally {
    client.close();
  }
}

/** The same command's `events`, as a process of its own. */
async function detach(stacks: readonly string[], { kafka, endpoint }: LocalCloud, flags: DeployFlags): Promise<void> {
  const folder = join(flags.folder, parts.events);
  await stopProcess(folder);
  await mkdir(folder, { recursive: true });
  const { schedule, badDay, habit, seed, concurrency, quiet } = flags;
  const pid = await startProcess({
    folder,
    program: process.execPath,
    args: [
      ...[process.argv[1]!, 'local', 'events', ...stacks, '--kafka', kafka, '--endpoint', endpoint],
      ...(schedule === undefined ? [] : ['--schedule', String(schedule)]),
      ...(badDay === true ? ['--bad-day'] : []),
      ...habit.flatMap((text) => ['--habit', text]),
      ...(seed === undefined ? [] : ['--seed', seed]),
      ...(concurrency === undefined ? [] : ['--concurrency', String(concurrency)]),
      ...(quiet === true ? ['--quiet'] : []),
    ],
    env: variablesFor({ kafka, endpoint }),
    isReady: (log) => quiet === true || log.includes('polling'),
  });
  if (flags.json === true) printJson({ event: 'detached', pid, log: join(folder, 'process.log') });
  else printError(`delivering in the background: process ${pid}, ${join(folder, 'process.log')}`);
}

export async function events(stacks: readonly string[], flags: EventsCommandFlags): Promise<void> {
  if ((stacks.length === 0) === (flags.map.length === 0)) {
    throw new UsageError('it is not said what to deliver', 'give names of stacks, or mappings by --map');
  }
  const { kafka, endpoint } = await cloudOf(flags, false);
  const place = { aws: awsAt(endpoint), kafka: { brokers: kafka.split(',') } };
  await (stacks.length > 0 ? followStacks(stacks, place, flags) : followTopics(flags.map, place, flags));
}

export async function destroy(flags: DestroyFlags): Promise<void> {
  await stopProcess(join(flags.folder, parts.events));
  const cloud = await cloudOf(flags, false);
  const { s3Endpoint } = flags;
  await destroyApp({
    ...{ folder: join(flags.folder, 'cdk'), cloud, context: {} },
    ...(s3Endpoint === undefined ? {} : { s3Endpoint }),
  });
  if (flags.json === true) printJson({ event: 'destroyed' });
  else print('destroyed');
}

export async function down({ folder, clean, json }: DownFlags): Promise<void> {
  const running = await Promise.all(Object.values(parts).map((part) => processIn(join(folder, part))));
  await stopCloud(folder, clean);
  const stopped = running.filter((pid) => pid !== undefined).length;
  if (json === true) printJson({ event: 'down', stopped });
  else print(stopped === 0 ? 'nothing runs' : 'stopped');
}

/** Where Kafka and AWS are: as given, or as they run in the folder; with `start`, started there if they do not. */
async function cloudOf({ folder, kafka, endpoint }: CloudFlags, start: boolean): Promise<LocalCloud> {
  if (kafka !== undefined && endpoint !== undefined) return { kafka, endpoint };
  const found = start ? await startCloud({ folder }) : await cloudIn(folder);
  const cloud = { kafka: kafka ?? found.kafka, endpoint: endpoint ?? found.endpoint };
  if (cloud.kafka === undefined || cloud.endpoint === undefined) {
    throw new UsageError(`nothing runs in ${folder}`, 'start it: millrace local up; or give --kafka and --endpoint');
  }
  return { kafka: cloud.kafka, endpoint: cloud.endpoint };
}
