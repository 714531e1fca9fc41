import { MillraceError } from '../lib/model/index.ts';

/** What a deployment tells its functions. */
export interface Settings {
  readonly pipeline: string;
  /** The stage whose function this is; undefined in the controller. */
  readonly stage: string | undefined;
  /** Table of commits. */
  readonly table: string;
  /** Bucket of snapshots. */
  readonly bucket: string;
  /** Where to reach Kafka: a cluster's ARN, or addresses of brokers. */
  readonly kafka: { readonly clusterArn: string } | { readonly brokers: readonly string[] };
  /** Secret with Kafka's user name and password, where it wants them. */
  readonly kafkaSecret: string | undefined;
  /** Functions in the order of the plan's stages; in the controller only. */
  readonly functions: readonly string[];
}

/** Names of the environment variables, for those who set them and those who read them. */
export const variables = {
  pipeline: 'MILLRACE_PIPELINE',
  stage: 'MILLRACE_STAGE',
  table: 'MILLRACE_TABLE',
  bucket: 'MILLRACE_BUCKET',
  clusterArn: 'MILLRACE_KAFKA_CLUSTER_ARN',
  brokers: 'MILLRACE_KAFKA_BROKERS',
  kafkaSecret: 'MILLRACE_KAFKA_SECRET_ARN',
  functions: 'MILLRACE_FUNCTIONS',
} as const;

/** Reads the settings. Throws `invalid-pipeline` with all that is missing. */
export function settingsFrom(environment: Readonly<Record<string, string | undefined>>): Settings {
  const missing: string[] = [];
  const optional = (name: string): string | undefined => environment[name] || undefined;
  const required = (name: string): string => {
    const value = optional(name);
    if (value === undefined) missing.push(name);
    return value ?? '';
  };
  const clusterArn = optional(variables.clusterArn);
  const settings: Settings = {
    pipeline: required(variables.pipeline),
    stage: optional(variables.stage),
    table: required(variables.table),
    bucket: required(variables.bucket),
    kafka: clusterArn === undefined ? { brokers: required(variables.brokers).split(',') } : { clusterArn },
    kafkaSecret: optional(variables.kafkaSecret),
    functions: optional(variables.functions)?.split(',') ?? [],
  };
  if (missing.length === 0) return settings;
  throw new MillraceError('invalid-pipeline', `the function's environment lacks ${missing.join(', ')}`, {
    hint: 'deploy with the construct MillracePipeline, which sets them',
  });
}
