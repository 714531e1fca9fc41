/** Where a deployed run lives, as options, environment and a file of settings say: Kafka, the table of commits, the bucket of snapshots. */
import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import type { KafkaConnection, KafkaSasl } from '../lib/adapters/kafka/index.ts';
import { messageOf } from '../lib/model/index.ts';
import type { StoresOptions } from '../lib/worker/index.ts';
import { UsageError } from './exit-codes.ts';

/** What was given on the command line. */
export interface StoresFlags {
  readonly kafka?: string;
  readonly table?: string;
  readonly bucket?: string;
  readonly region?: string;
  readonly endpoint?: string;
  readonly topicPrefix?: string;
  readonly blobPrefix?: string;
  readonly config?: string;
  readonly create?: boolean;
}

/** The file of `--config`, in JSON: what `StoresOptions` has, as far as it is data. Secrets belong here or into the environment. */
type ConfigFile = Partial<Omit<StoresOptions, 'kafka'>> & { readonly kafka?: Partial<KafkaConnection> };

/** Names of environment variables. Those of AWS itself are read by its clients. */
const variables = {
  brokers: 'MILLRACE_KAFKA_BROKERS',
  tls: 'MILLRACE_KAFKA_TLS',
  sasl: 'MILLRACE_KAFKA_SASL',
  username: 'MILLRACE_KAFKA_USERNAME',
  password: 'MILLRACE_KAFKA_PASSWORD',
  table: 'MILLRACE_TABLE',
  bucket: 'MILLRACE_BUCKET',
  topicPrefix: 'MILLRACE_TOPIC_PREFIX',
  blobPrefix: 'MILLRACE_BLOB_PREFIX',
  config: 'MILLRACE_CONFIG',
} as const;

/** Adds the options to a command. */
export function addStoresOptions(command: Command): Command {
  return command
    .option('-k, --kafka <brokers>', 'brokers, host:port[,host:port...]')
    .option('-t, --table <name>', 'DynamoDB table of commits')
    .option('--bucket <name>', 'S3 bucket of snapshots')
    .option('--region <name>', 'AWS region')
    .option('--endpoint <url>', 'address of DynamoDB and S3 that are not Amazon’s own')
    .option('--topic-prefix <text>', 'before the names of topics between stages')
    .option('--blob-prefix <text>', 'before the names of blobs')
    .option(
      '--config <file>',
      'settings in JSON, credentials too: { "kafka": { "brokers": [...], "tls": true, "sasl": {...} }, ... }',
    );
}

/** What the options' help says of the environment. */
export const storesHelp = `
Settings may also stand in the environment: ${Object.values(variables).slice(0, 6).join(', ')},
${Object.values(variables).slice(6).join(', ')}; those of AWS as every AWS client reads them
(AWS_REGION, AWS_PROFILE, AWS_ENDPOINT_URL ...). MILLRACE_KAFKA_SASL is plain, scram-sha-256, scram-sha-512 or
aws-msk-iam. Passwords are taken from the environment or from the --config file, never from options.`;

/** Whether anything says that the run lives in such stores. */
export const hasStores = ({ kafka, table, bucket, config }: StoresFlags): boolean =>
  [kafka, table, bucket, config].some((flag) => flag !== undefined);

/** Where the run lives: options come before the environment, that before the file. Throws `UsageError` naming all that is missing. */
export function storesOf(flags: StoresFlags, env: Readonly<NodeJS.ProcessEnv> = process.env): StoresOptions {
  const file = readConfig(flags.config ?? env[variables.config]);
  const missing: string[] = [];
  const required = (value: string | undefined, flag: string, variable: string): string => {
    if (value === undefined || value === '') missing.push(`${flag} (or ${variable})`);
    return value ?? '';
  };
  const kafka = kafkaIn(flags, env, file);
  const topicPrefix = flags.topicPrefix ?? env[variables.topicPrefix] ?? file.log?.topicPrefix;
  const blobPrefix = flags.blobPrefix ?? env[variables.blobPrefix] ?? file.blobPrefix;
  required(kafka?.brokers.join(','), '--kafka', variables.brokers);
  const options: StoresOptions = {
    ...file,
    kafka: kafka ?? { brokers: [] },
    log: { ...file.log, ...(topicPrefix === undefined ? {} : { topicPrefix }) },
    table: required(flags.table ?? env[variables.table] ?? file.table, '--table', variables.table),
    bucket: required(flags.bucket ?? env[variables.bucket] ?? file.bucket, '--bucket', variables.bucket),
    ...(blobPrefix === undefined ? {} : { blobPrefix }),
    dynamodb: { ...file.dynamodb, ...awsOf(flags, env, 'DYNAMODB') },
    s3: { ...file.s3, ...awsOf(flags, env, 'S3') },
    create: flags.create ?? file.create ?? false,
  };
  if (missing.length === 0) return options;
  throw new UsageError(`it is not said where the run lives: ${missing.join(', ')}`, '--help lists the options');
}

/** The cluster that connectors of a pipeline in one process use, if anything says which. */
export const kafkaOf = (
  flags: Pick<StoresFlags, 'kafka' | 'config' | 'region'>,
  env: Readonly<NodeJS.ProcessEnv> = process.env,
): KafkaConnection | undefined => kafkaIn(flags, env, readConfig(flags.config ?? env[variables.config]));

function kafkaIn(flags: StoresFlags, env: Readonly<NodeJS.ProcessEnv>, file: ConfigFile): KafkaConnection | undefined {
  const said = flags.kafka ?? env[variables.brokers] ?? '';
  const brokers = said === '' ? file.kafka?.brokers : said.split(',');
  if (brokers === undefined) return undefined;
  const tls = tlsOf(env[variables.tls]) ?? file.kafka?.tls;
  const sasl = saslOf(env, flags.region ?? env['AWS_REGION']) ?? file.kafka?.sasl;
  return {
    ...file.kafka,
    brokers,
    ...(tls === undefined ? {} : { tls }),
    ...(sasl === undefined ? {} : { sasl }),
  };
}

/** An endpoint that is given by the environment counts as given here: S3 is then asked by path, which is what others than Amazon know. */
function awsOf({ region, endpoint }: StoresFlags, env: Readonly<NodeJS.ProcessEnv>, service: 'DYNAMODB' | 'S3') {
  const address = endpoint ?? env[`AWS_ENDPOINT_URL_${service}`] ?? env['AWS_ENDPOINT_URL'];
  return {
    ...(region === undefined ? {} : { region }),
    ...(address === undefined ? {} : { endpoint: address }),
  };
}

function tlsOf(said: string | undefined): boolean | undefined {
  if (said === undefined || said === '') return undefined;
  if (['true', '1', 'yes'].includes(said.toLowerCase())) return true;
  if (['false', '0', 'no'].includes(said.toLowerCase())) return false;
  throw new UsageError(`${variables.tls} is ${said}`, 'it is true or false');
}

function saslOf(env: Readonly<NodeJS.ProcessEnv>, region: string | undefined): KafkaSasl | undefined {
  const mechanism = env[variables.sasl]?.toLowerCase();
  switch (mechanism) {
    case undefined:
    case '':
      return undefined;
    case 'aws-msk-iam':
      if (region === undefined) throw new UsageError(`${variables.sasl}=aws-msk-iam needs a region`, 'give --region');
      return { mechanism, region };
    case 'plain':
    case 'scram-sha-256':
    case 'scram-sha-512':
      return { mechanism, username: env[variables.username] ?? '', password: env[variables.password] ?? '' };
    default:
      throw new UsageError(
        `${variables.sasl} is ${mechanism}`,
        'it is plain, scram-sha-256, scram-sha-512 or aws-msk-iam',
      );
  }
}

function readConfig(path: string | undefined): ConfigFile {
  if (path === undefined) return {};
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as ConfigFile;
  } catch (error) {
    throw new UsageError(`the settings in ${path} cannot be read: ${messageOf(error)}`);
  }
}
