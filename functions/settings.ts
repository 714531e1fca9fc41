import { type Duration, MillraceError, seconds } from '../lib/model/index.ts';
import type { FunctionVersion } from './function-versions.ts';

/** How brokers are told who is there. `mtls` and the two with user and password take what they need from a secret. */
export type KafkaAuth = 'none' | 'iam' | 'scram-sha-512' | 'scram-sha-256' | 'plain' | 'mtls';

/** What a deployment tells its functions. */
export interface Settings {
  readonly pipeline: string;
  /** The stage whose function this is; undefined in the controller. */
  readonly stage: string | undefined;
  /** Table of commits. */
  readonly table: string;
  /** Bucket of snapshots. */
  readonly bucket: string;
  /** Begins the keys of all blobs, with a slash at its end; may be empty. */
  readonly blobPrefix: string;
  /** Where to reach Kafka: a cluster's ARN, or addresses of brokers. */
  readonly kafka: { readonly clusterArn: string } | { readonly brokers: readonly string[] };
  /** Default: IAM at a cluster of MSK, SCRAM-SHA-512 where there is a secret, else none. */
  readonly kafkaAuth: KafkaAuth;
  /** Default: wherever `kafkaAuth` is IAM, SCRAM at a cluster of MSK, or mutual TLS. */
  readonly kafkaTls: boolean;
  /** Secret with `username` and `password`, or with `certificate`, `privateKey` and perhaps `privateKeyPassword`: as Lambda's event sources want it. */
  readonly kafkaSecret: string | undefined;
  /** Stands before the names of the pipeline's own topics; may be empty. */
  readonly topicPrefix: string;
  /** Functions in the order of the plan's stages; in the controller only. */
  readonly functions: readonly FunctionVersion[];
  /** Stages that workers run instead of functions: in the controller, which does not ring them, and in the workers. */
  readonly workerStages?: readonly string[];
  /** Time limit of stages' functions; in the controller only. */
  readonly timeout: Duration;
  /** From one round of the controller to the next. */
  readonly period: Duration;
  /** Bytes of tasks' state that a function keeps between its calls. */
  readonly warmBytes: number;
  /** Which function this is, as Lambda says; undefined elsewhere. */
  readonly self: FunctionVersion | undefined;
}

/** Names of the environment variables, for those who set them and those who read them. */
export const variables = {
  pipeline: 'MILLRACE_PIPELINE',
  stage: 'MILLRACE_STAGE',
  table: 'MILLRACE_TABLE',
  bucket: 'MILLRACE_BUCKET',
  blobPrefix: 'MILLRACE_BLOB_PREFIX',
  clusterArn: 'MILLRACE_KAFKA_CLUSTER_ARN',
  brokers: 'MILLRACE_KAFKA_BROKERS',
  kafkaAuth: 'MILLRACE_KAFKA_AUTH',
  kafkaTls: 'MILLRACE_KAFKA_TLS',
  kafkaSecret: 'MILLRACE_KAFKA_SECRET_ARN',
  topicPrefix: 'MILLRACE_TOPIC_PREFIX',
  functions: 'MILLRACE_FUNCTIONS',
  workerStages: 'MILLRACE_WORKER_STAGES',
  timeout: 'MILLRACE_TIMEOUT',
  period: 'MILLRACE_PERIOD',
  warmBytes: 'MILLRACE_WARM_BYTES',
} as const;

/** Set by Lambda. */
const FUNCTION_NAME = 'AWS_LAMBDA_FUNCTION_NAME';
const FUNCTION_VERSION = 'AWS_LAMBDA_FUNCTION_VERSION';

export const kafkaAuths: readonly KafkaAuth[] = ['none', 'iam', 'scram-sha-512', 'scram-sha-256', 'plain', 'mtls'];

/** As functions have it by default: the time limit bounds how long a source stands still while its code changes. */
export const DEFAULT_TIMEOUT = seconds(60);
const DEFAULT_PERIOD = seconds(60);
const DEFAULT_WARM_BYTES = 128 * 2 ** 20;

/** Reads the settings. Throws `invalid-pipeline` with all that is missing or cannot be meant. */
export function settingsFrom(environment: Readonly<Record<string, string | undefined>>): Settings {
  const reader = new Reader(environment);
  const { optional, required, count } = reader;
  const clusterArn = optional(variables.clusterArn);
  const kafkaSecret = optional(variables.kafkaSecret);
  const kafkaAuth = reader.oneOf(
    variables.kafkaAuth,
    kafkaAuths,
    kafkaSecret !== undefined ? 'scram-sha-512' : clusterArn !== undefined ? 'iam' : 'none',
  );
  const needsTls = kafkaAuth === 'iam' || kafkaAuth === 'mtls' || (clusterArn !== undefined && kafkaAuth !== 'none');
  const name = optional(FUNCTION_NAME);
  const settings: Settings = {
    pipeline: required(variables.pipeline),
    stage: optional(variables.stage),
    table: required(variables.table),
    bucket: required(variables.bucket),
    blobPrefix: optional(variables.blobPrefix) ?? '',
    kafka: clusterArn === undefined ? { brokers: required(variables.brokers).split(',') } : { clusterArn },
    kafkaAuth,
    kafkaTls: reader.oneOf(variables.kafkaTls, ['true', 'false'], needsTls ? 'true' : 'false') === 'true',
    kafkaSecret,
    topicPrefix: optional(variables.topicPrefix) ?? '',
    functions: optional(variables.functions)?.split(',').map(functionVersion) ?? [],
    workerStages: optional(variables.workerStages)?.split(',') ?? [],
    timeout: seconds(count(variables.timeout, DEFAULT_TIMEOUT / 1_000)),
    period: seconds(count(variables.period, DEFAULT_PERIOD / 1_000)),
    warmBytes: count(variables.warmBytes, DEFAULT_WARM_BYTES),
    self: name === undefined ? undefined : { function: name, version: optional(FUNCTION_VERSION) ?? '$LATEST' },
  };
  if (settings.kafkaSecret === undefined && kafkaAuth !== 'none' && kafkaAuth !== 'iam') {
    reader.missing.push(variables.kafkaSecret);
  }
  reader.check();
  return settings;
}

/** `name:version`, or a name alone for what is being deployed. */
function functionVersion(text: string): FunctionVersion {
  const colon = text.lastIndexOf(':');
  return colon < 0
    ? { function: text, version: '$LATEST' }
    : { function: text.slice(0, colon), version: text.slice(colon + 1) };
}

/** Reads variables and collects what is wrong with them. */
class Reader {
  readonly missing: string[] = [];
  readonly wrong: string[] = [];
  readonly #environment: Readonly<Record<string, string | undefined>>;

  constructor(environment: Readonly<Record<string, string | undefined>>) {
    this.#environment = environment;
  }

  optional = (name: string): string | undefined => this.#environment[name] || undefined;

  required = (name: string): string => {
    const value = this.optional(name);
    if (value === undefined) this.missing.push(name);
    return value ?? '';
  };

  count = (name: string, otherwise: number): number => {
    const text = this.optional(name);
    const value = text === undefined ? otherwise : Number(text);
    if (Number.isFinite(value) && value > 0) return value;
    this.wrong.push(`${name} is "${text}", not a number above 0`);
    return otherwise;
  };

  oneOf<T extends string>(name: string, values: readonly T[], otherwise: T): T {
    const text = this.optional(name) ?? otherwise;
    const value = values.find((each) => each === text);
    if (value === undefined) this.wrong.push(`${name} is "${text}", not one of ${values.join(', ')}`);
    return value ?? otherwise;
  }

  check(): void {
    const lacks = this.missing.length === 0 ? [] : [`it lacks ${this.missing.join(', ')}`];
    const faults = [...lacks, ...this.wrong];
    if (faults.length === 0) return;
    throw new MillraceError('invalid-pipeline', `the function's environment cannot be used: ${faults.join('; ')}`, {
      hint: 'deploy with the construct MillracePipeline, which sets it',
    });
  }
}
