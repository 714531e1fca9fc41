/** A Kafka broker and a local AWS on this machine, in a folder that says where they are. */
import { existsSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { AwsConnection } from '../lib/aws/index.ts';
import { MillraceError } from '../lib/model/index.ts';
import { startKafka } from '../scripts/services/kafka.ts';
import { startMinistack } from '../scripts/services/ministack.ts';
import { processIn, ServiceMissing, stopProcess } from '../scripts/services/service.ts';

export interface LocalCloud {
  /** `host:port` of the broker. */
  readonly kafka: string;
  /** Address of all services of AWS. */
  readonly endpoint: string;
}

/** Account, region and credentials that local clouds know. */
export const account = '000000000000';
export const region = 'us-east-1';
export const credentials = { accessKeyId: 'test', secretAccessKey: 'test' } as const;

/** How clients of AWS reach it. */
export const awsAt = (endpoint: string): AwsConnection => ({ endpoint, region, credentials });

/** Variables for processes that are to use it: clients of AWS, the CDK, millrace's own commands. */
export const variablesFor = ({ endpoint, kafka }: LocalCloud): Readonly<Record<string, string>> => ({
  AWS_ENDPOINT_URL: endpoint,
  AWS_ENDPOINT_URL_S3: endpoint,
  AWS_REGION: region,
  AWS_ACCESS_KEY_ID: credentials.accessKeyId,
  AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
  MILLRACE_KAFKA_BROKERS: kafka,
});

/** Folders of what runs: each holds a log, the id of the process, and its data. */
export const parts = { kafka: 'kafka', aws: 'aws', events: 'events' } as const;

export interface UpOptions {
  readonly folder: string;
  /** Default: the port it had before; the first time, any free one. */
  readonly kafkaPort?: number;
  readonly awsPort?: number;
}

/** Starts what does not run yet, installing it the first time. Throws `unavailable` where this machine lacks what it takes. */
export async function startCloud({ folder, kafkaPort, awsPort }: UpOptions): Promise<LocalCloud> {
  try {
    const [broker, aws] = await Promise.all([
      startKafka({ folder: join(folder, parts.kafka), ...(kafkaPort === undefined ? {} : { port: kafkaPort }) }),
      startMinistack({ folder: join(folder, parts.aws), ...(awsPort === undefined ? {} : { port: awsPort }) }),
    ]);
    return { kafka: broker.address, endpoint: aws.address };
  } catch (cause) {
    if (!(cause instanceof ServiceMissing)) throw cause;
    throw new MillraceError('unavailable', `this machine cannot run a local cloud: ${cause.message}`, {
      cause,
      hint: 'it takes Java 17 and Maven for Kafka, Python 3.10 with venv for AWS; or give --kafka and --endpoint of what runs',
      retry: false,
    });
  }
}

/** What runs in a folder. */
export async function cloudIn(folder: string): Promise<Partial<LocalCloud>> {
  const [kafka, aws] = await Promise.all([parts.kafka, parts.aws].map((part) => processIn(join(folder, part))));
  return {
    ...(kafka === undefined ? {} : { kafka: `127.0.0.1:${await kafkaPortIn(join(folder, parts.kafka))}` }),
    ...(aws === undefined
      ? {}
      : { endpoint: `http://127.0.0.1:${await readFile(join(folder, parts.aws, 'port'), 'utf8')}` }),
  };
}

const kafkaPortIn = async (folder: string): Promise<number> =>
  (JSON.parse(await readFile(join(folder, 'ports.json'), 'utf8')) as { readonly plain: number }).plain;

/** Stops all that was started in a folder, the event source first; with `clean` deletes what it kept. */
export async function stopCloud(folder: string, clean = false): Promise<void> {
  if (!existsSync(folder)) return;
  await stopProcess(join(folder, parts.events));
  await Promise.all([stopProcess(join(folder, parts.kafka)), stopProcess(join(folder, parts.aws))]);
  if (clean) await rm(folder, { recursive: true, force: true });
}
