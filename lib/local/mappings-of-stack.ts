import { type DeployedStack, resolved, type TemplateResource } from '../adapters/cloudformation/index.ts';
import { type Duration, MillraceError, minutes, seconds, type WallTime } from '../model/index.ts';
import { type KafkaMapping, mappingDefaults } from './mapping.ts';

export interface MappingsOptions {
  /** What events name as the brokers' addresses where the template does not, as for clusters of Amazon MSK. Default: nothing. */
  readonly bootstrapServers?: string;
}

/**
 * Event source mappings of Kafka in a stack, as its template has them, those left out that are not enabled. They need not have come about: an emulator that
 * knows none may have left them out. Throws `incompatible` where one cannot be understood.
 */
export function mappingsIn(stack: DeployedStack, options: MappingsOptions = {}): readonly KafkaMapping[] {
  return resourcesOf(stack, 'AWS::Lambda::EventSourceMapping').flatMap(([id, { Properties = {} }]) => {
    const { Topics, Enabled } = Properties;
    if (!Array.isArray(Topics) || Enabled === false || Enabled === 'false') return [];
    return [mappingOf(stack, id, Properties as unknown as MappingProperties, options)];
  });
}

interface MappingProperties {
  readonly FunctionName?: unknown;
  readonly Topics: readonly unknown[];
  readonly BatchSize?: number;
  readonly MaximumBatchingWindowInSeconds?: number;
  readonly StartingPosition?: string;
  readonly StartingPositionTimestamp?: number;
  readonly EventSourceArn?: unknown;
  readonly SelfManagedEventSource?: { readonly Endpoints?: { readonly KafkaBootstrapServers?: readonly unknown[] } };
  readonly AmazonManagedKafkaEventSourceConfig?: { readonly ConsumerGroupId?: unknown };
  readonly SelfManagedKafkaEventSourceConfig?: { readonly ConsumerGroupId?: unknown };
}

function mappingOf(
  stack: DeployedStack,
  id: string,
  properties: MappingProperties,
  { bootstrapServers = '' }: MappingsOptions,
): KafkaMapping {
  const { BatchSize, MaximumBatchingWindowInSeconds: window, EventSourceArn, SelfManagedEventSource } = properties;
  const known = (what: string, value: unknown): string => resolved(stack, value) ?? unknownIn(stack, id, what);
  const { ConsumerGroupId } =
    properties.AmazonManagedKafkaEventSourceConfig ?? properties.SelfManagedKafkaEventSourceConfig ?? {};
  const servers = SelfManagedEventSource?.Endpoints?.KafkaBootstrapServers?.map((each) => known('brokers', each));
  return {
    name: `${stack.name}/${id}`,
    functionName: known('function', properties.FunctionName),
    topic: known('topic', properties.Topics[0]),
    // Lambda names a group after the mapping where nothing is said.
    group: ConsumerGroupId === undefined ? (stack.physicalIds.get(id) ?? id) : known('group', ConsumerGroupId),
    startingPosition: positionOf(properties),
    batchSize: BatchSize ?? mappingDefaults.batchSize,
    window: window === undefined ? mappingDefaults.window : seconds(window),
    form:
      EventSourceArn === undefined
        ? { kind: 'self-managed', bootstrapServers: servers?.join(',') ?? bootstrapServers }
        : { kind: 'msk', clusterArn: known('cluster', EventSourceArn), bootstrapServers },
  };
}

function positionOf({
  StartingPosition,
  StartingPositionTimestamp,
}: MappingProperties): KafkaMapping['startingPosition'] {
  if (StartingPosition === 'AT_TIMESTAMP') return { at: ((StartingPositionTimestamp ?? 0) * 1_000) as WallTime };
  return StartingPosition === 'LATEST' ? 'LATEST' : mappingDefaults.startingPosition;
}

/** A schedule that calls a function at a rate. */
export interface StackSchedule {
  readonly name: string;
  readonly functionName: string;
  readonly input: string;
  readonly period: Duration;
}

/** Schedules of EventBridge Scheduler in a stack that call functions at a rate. */
export function schedulesIn(stack: DeployedStack): readonly StackSchedule[] {
  return resourcesOf(stack, 'AWS::Scheduler::Schedule').flatMap(([id, { Properties = {} }]) => {
    const { ScheduleExpression, Target } = Properties as ScheduleProperties;
    const rate = /^rate\((\d+) (minute|hour|day)s?\)$/.exec(ScheduleExpression ?? '');
    const functionName = resolved(stack, Target?.Arn);
    if (rate === null || functionName === undefined || !functionName.includes(':function:')) return [];
    const period = minutes(Number(rate[1]) * { minute: 1, hour: 60, day: 1_440 }[rate[2] as 'minute' | 'hour' | 'day']);
    const input = resolved(stack, Target?.Input) ?? '{}';
    return [{ name: `${stack.name}/${id}`, functionName, input, period }];
  });
}

interface ScheduleProperties {
  readonly ScheduleExpression?: string;
  readonly Target?: { readonly Arn?: unknown; readonly Input?: unknown };
}

const resourcesOf = ({ resources }: DeployedStack, type: string): [string, TemplateResource][] =>
  Object.entries(resources).filter(([, { Type }]) => Type === type);

function unknownIn({ name }: DeployedStack, id: string, what: string): never {
  throw new MillraceError('incompatible', `the ${what} of the event source mapping ${id} cannot be read`, {
    hint: `look at it in the template of stack ${name}, or say by options what is mapped`,
  });
}
