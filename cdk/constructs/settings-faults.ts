import { type Duration, Token } from 'aws-cdk-lib';
import type { Plan, PlanFault } from '../../lib/plan/index.ts';
import type { WorkerOptions } from './fargate-workers.ts';
import type { KafkaCluster } from './kafka-cluster.ts';
import type { DeployedSink, DeployedSource } from './outer-topics.ts';
import type { StageOptions } from './stage-function.ts';
import { topicOf } from './topic-names.ts';

/** What is checked before anything is made. */
export interface CheckedSettings {
  readonly plan: Plan;
  readonly cluster: KafkaCluster;
  readonly region: string | undefined;
  readonly sources: Readonly<Record<string, DeployedSource>>;
  readonly sinks: Readonly<Record<string, DeployedSink>>;
  readonly timeout: Duration;
  readonly period: Duration;
  readonly topicPrefix: string;
  readonly defaults: StageOptions;
  readonly stageOptions: Readonly<Record<string, StageOptions>>;
  readonly workers: WorkerOptions | undefined;
  readonly environment: Readonly<Record<string, string>>;
}

/** A stack holds 500 resources, of which a stage with its alarms has fourteen. */
const MOST_STAGES = 32;
/** A function behind an event source of Kafka may run for 14 minutes; what is below ten seconds leaves no room for a step and its commit. */
const TIMEOUTS = [10, 14 * 60] as const;
const LONGEST_GROUP = 200;
/** Names and values of a function's environment; of them, what each of ours may take at most, and how much of the controller's a stage's name takes. */
const ENVIRONMENT = { bytes: 4_096, own: 1_100, perStage: 70 };

/** Everything that cannot be deployed. */
export function* settingsFaults(settings: CheckedSettings): Generator<PlanFault> {
  const { plan, cluster, region, timeout, period } = settings;
  const at = (operator: string, rule: string, fix: string): PlanFault => ({ operator, rule, fix });
  yield* endsFaults(settings);
  for (const { rule, fix } of cluster.faults(region)) yield at(`the cluster of ${plan.pipeline}`, rule, fix);
  const functions = plan.stages.length - (settings.workers?.stages.length ?? 0);
  if (functions > MOST_STAGES) {
    const fix = 'let more operators share a stage, or divide the pipeline in two';
    yield at(plan.pipeline, `it has ${functions} stages with functions, and a stack has room for ${MOST_STAGES}`, fix);
  }
  if (isOutside(timeout, TIMEOUTS)) {
    const rule = `its timeout is ${timeout.toHumanString()}, and functions behind Kafka have 10 seconds to 14 minutes`;
    yield at(plan.pipeline, rule, 'give one of that; 60 seconds are usual');
  }
  if (isOutside(period, [1, 60])) {
    yield at(plan.pipeline, `its period is ${period.toHumanString()}`, 'give 1 to 60 seconds');
  }
  if (!/^[a-zA-Z0-9._-]*$/.test(settings.topicPrefix)) {
    yield at(plan.pipeline, `its topics begin with '${settings.topicPrefix}'`, 'use letters, digits, dots, - and _');
  }
  for (const { id } of plan.stages) {
    const { length } = `${settings.topicPrefix}${plan.pipeline}.${id}`;
    if (length > LONGEST_GROUP) {
      yield at(id, `its consumer group has a name of ${length} characters`, `shorten names to ${LONGEST_GROUP} in all`);
    }
  }
  for (const name of Object.keys(settings.environment)) {
    if (!/^(MILLRACE_|AWS_)/.test(name)) continue;
    yield at(plan.pipeline, `its environment sets ${name}`, 'names that begin with MILLRACE_ and AWS_ are taken');
  }
  const room = ENVIRONMENT.bytes - ENVIRONMENT.own - functions * ENVIRONMENT.perStage;
  const bytes = Object.entries(settings.environment).reduce((sum, each) => sum + Buffer.byteLength(each.join('')), 0);
  if (bytes > room) {
    const rule = `its environment has ${bytes} bytes, and beside our own there is room for ${room}`;
    yield at(
      plan.pipeline,
      rule,
      'put large settings into a file beside the pipeline, or into a parameter that it reads',
    );
  }
  yield* stagesFaults(settings);
}

/** Sources and sinks that functions cannot reach, or of whose topics something is missing. */
function* endsFaults({ plan, sources, sinks, cluster }: CheckedSettings): Generator<PlanFault> {
  for (const node of plan.nodes) {
    const { id: operator, kind } = node;
    if (kind !== 'source' && kind !== 'sink') continue;
    if (topicOf(plan, operator, kind) === undefined) {
      if (kind === 'sink' && REMOTE_SINKS.includes(node.connector)) continue;
      yield {
        operator,
        rule: `this ${kind} is on no topic, and functions reach nothing else`,
        fix: `name one: ${kind}s: { '${operator}': { topic: '...'${kind === 'source' ? ', partitions: 8' : ''} } }`,
      };
    } else if (clusterNameOf(node.options) !== undefined) {
      const rule = `this ${kind} is on the cluster '${clusterNameOf(node.options)}', and functions are connected to one only`;
      yield { operator, rule, fix: 'bring its topic to the pipeline’s cluster' };
    }
  }
  for (const [operator, { partitions, create }] of Object.entries(sources)) {
    if (create === true && partitions === undefined) {
      yield { operator, rule: 'its topic is to be made, and nobody says how large', fix: 'give partitions' };
    }
    if (partitions === undefined && cluster.topicsOf !== undefined && feedsForward(plan, operator)) {
      const fix = "give partitions, or use topics: 'function'";
      yield {
        operator,
        rule: 'topics behind it have as many partitions as its own, which CloudFormation cannot find out',
        fix,
      };
    }
  }
  for (const [operator, { create }] of Object.entries(sinks)) {
    if (create === undefined || isCount(create)) continue;
    yield { operator, rule: `its topic is to be made with ${create} partitions`, fix: 'give a positive whole number' };
  }
}

function* stagesFaults({ plan, stageOptions, defaults, workers, cluster }: CheckedSettings): Generator<PlanFault> {
  const ids = new Set(plan.stages.map(({ id }) => id));
  const known = `its stages are ${[...ids].join(', ')}`;
  for (const id of [...Object.keys(stageOptions), ...(workers?.stages ?? [])]) {
    if (!ids.has(id)) yield { operator: plan.pipeline, rule: `it has no stage '${id}'`, fix: known };
  }
  if (workers !== undefined && (workers.network ?? cluster.network) === undefined) {
    yield {
      operator: plan.pipeline,
      rule: 'its workers stand in no network',
      fix: 'give one: workers: { network: ... }',
    };
  }
  for (const [operator, options] of [[plan.pipeline, defaults] as const, ...Object.entries(stageOptions)]) {
    const { memorySize, batchSize, maxBatchingWindow: window, pollers, warmBytes, reservedConcurrency } = options;
    const checks: readonly (readonly [boolean, string, string])[] = [
      [isBetween(memorySize, 128, 10_240), `its memory is ${memorySize} MB`, 'give 128 to 10,240'],
      [isBetween(batchSize, 1, 10_000), `its deliveries have ${batchSize} messages`, 'give 1 to 10,000'],
      [
        window === undefined || !isOutside(window, [0, 300]),
        `its messages are gathered for ${window?.toHumanString()}`,
        'give whole seconds, 300 at most',
      ],
      [isBetween(warmBytes, 1, 10_240 * 2 ** 20), `it keeps ${warmBytes} bytes`, 'give a positive number of bytes'],
      [isBetween(reservedConcurrency, 1, 100_000), `its concurrency is ${reservedConcurrency}`, 'give 1 or more'],
      [isBetween(pollers?.minimum, 1, 200), `it has at least ${pollers?.minimum} pollers`, 'give 1 to 200'],
      [isBetween(pollers?.maximum, 1, 2_000), `it has at most ${pollers?.maximum} pollers`, 'give 1 to 2,000'],
      [
        (pollers?.minimum ?? 1) <= (pollers?.maximum ?? 200),
        `its pollers are at least ${pollers?.minimum} and at most ${pollers?.maximum}`,
        'give the smaller number first',
      ],
    ];
    for (const [holds, rule, fix] of checks) if (!holds) yield { operator, rule, fix };
  }
}

/** Connectors beside Kafka's that need nothing of the machine they run on. The author grants what they use. */
const REMOTE_SINKS: readonly string[] = ['dynamodb'];

function clusterNameOf(options: unknown): unknown {
  return typeof options === 'object' && options !== null && 'cluster' in options ? options.cluster : undefined;
}

const feedsForward = ({ edges }: Plan, source: string): boolean =>
  edges.some(({ from, partitioning }) => from === source && partitioning.kind === 'forward');

const isCount = (n: number): boolean => Number.isInteger(n) && n > 0;

const isBetween = (n: number | undefined, least: number, most: number): boolean =>
  n === undefined || Token.isUnresolved(n) || (Number.isInteger(n) && n >= least && n <= most);

function isOutside(duration: Duration, [least, most]: readonly [number, number]): boolean {
  if (duration.isUnresolved()) return false;
  const seconds = duration.toMilliseconds() / 1_000;
  return !Number.isInteger(seconds) || seconds < least || seconds > most;
}
