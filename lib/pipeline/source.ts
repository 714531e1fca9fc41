import type { StandardSchemaV1 } from '@standard-schema/spec';
import { type Duration, days, type EventTime, hours, seconds } from '../model/index.ts';
import { type Mistake, optionsMistakes, settings } from '../operators/index.ts';
import { type DraftSource, dataFingerprint, fingerprint, type IdlePolicy, type SourceNode } from '../plan/index.ts';
import type { Json, SourceConnector } from '../ports/index.ts';
import { connectorMistakes } from './connector.ts';
import { jsonOf } from './json.ts';
import { sourceOptions } from './known-options.ts';
import { describeSchema } from './schema.ts';
import { ascendingTimestamps, noWatermark, type WatermarkStrategy } from './watermark.ts';

/** What is said about a source's records. `T` is the record behind the schema, or the connector's row where there is none. */
export interface SourceOptions<T> {
  /** When a record happened. Needed for everything that works by event time. A time that is no time is a bad record. */
  readonly eventTime?: (record: T) => EventTime | Date;
  /** How far time has come, by the records of each partition. Default, with `eventTime`: `ascendingTimestamps()`, records come in order. */
  readonly watermark?: WatermarkStrategy<T>;
  /**
   * What silence of a partition means. `advance` (default): time goes on with the wall clock, so the last windows close, and a partition far behind the
   * rest stops holding them back. `exclude`: a silent partition does not count. `hold`: time waits for it.
   */
  readonly idle?: IdlePolicy['policy'];
  /** Verified silence after which a partition may stop holding back the rest. Default 30 seconds. */
  readonly idleAfter?: Duration;
  /** How far behind the rest it must be for that. Default one hour. */
  readonly idleDrift?: Duration;
  /**
   * What happens to a record that cannot be decoded, does not fit the schema, has no usable event time or is too large. `fail` (default) stops the
   * task, `dead-letter` puts it aside with the reason, `skip` only counts it.
   */
  readonly badRecords?: SourceNode['badRecords'];
  /**
   * A record whose event time is further ahead of its arrival is bad: one such record would drive the watermark there, and make all others late. It arrives when
   * its log says so, and at the latest when it is first found. Default: one day where the connector is `live`, else none (any time up to the year 9999 is good).
   */
  readonly maxFuture?: Duration;
  /** A record larger than this, as JSON in UTF-8, is bad. Default: no limit but the connector's. */
  readonly maxRecordBytes?: number;
}

/** A source as the runtime needs it: the connector, and what to do with each row. */
export interface SourceDefinition {
  readonly connector: SourceConnector<unknown>;
  readonly schema: StandardSchemaV1 | undefined;
  readonly eventTime: ((record: unknown) => EventTime | Date) | undefined;
  readonly watermark: WatermarkStrategy<unknown>;
  readonly idle: IdlePolicy;
  readonly badRecords: SourceNode['badRecords'];
  readonly maxFuture: Duration | undefined;
  readonly maxRecordBytes: number | undefined;
  /** How many the connector announces, if it does; opening it tells for certain. */
  readonly partitions: number | undefined;
  /** Fingerprint of all but the connector. */
  readonly code: string;
  /** The same of what is data in it, for code that counts by its modules. */
  readonly data: string;
  /** What is wrong with how it was authored, as far as nothing else here tells. */
  readonly mistakes: readonly Mistake[];
}

/** A source as authored, with defaults filled in. */
export function sourceDefinition(
  connector: SourceConnector<unknown>,
  authored: (SourceOptions<never> & { readonly schema?: StandardSchemaV1 | undefined }) | undefined,
): SourceDefinition {
  const options = settings(authored);
  const { schema, maxFuture, maxRecordBytes, badRecords = 'fail' } = options;
  const eventTime = options.eventTime as SourceDefinition['eventTime'];
  const given = options.watermark as WatermarkStrategy<unknown> | undefined;
  const watermark = given ?? (eventTime === undefined ? noWatermark : ascendingTimestamps());
  const idle = {
    policy: options.idle ?? 'advance',
    after: options.idleAfter ?? seconds(30),
    drift: options.idleDrift ?? hours(1),
  };
  const { kind, bound, functions } = settings(watermark);
  const schemaText = schema === undefined ? null : describeSchema(schema);
  const parts = [schemaText, eventTime, kind, bound, functions, idle, badRecords, maxFuture, maxRecordBytes];
  const partitions = announcedPartitions(connector);
  return {
    ...{ connector, schema, eventTime, watermark, idle, badRecords },
    ...{ maxFuture, maxRecordBytes, partitions },
    mistakes: optionsMistakes(authored, sourceOptions),
    ...{ code: fingerprint(...parts), data: dataFingerprint(...parts) },
  };
}

/** The same source on another connector. */
export function rebind(source: SourceDefinition, connector: SourceConnector<unknown>): SourceDefinition {
  return { ...source, connector, partitions: announcedPartitions(connector) };
}

/** How far ahead of its arrival a record may lie; undefined for any time. */
export function maxFutureOf({ maxFuture, connector }: SourceDefinition): Duration | undefined {
  return maxFuture ?? (connector.live === true ? days(1) : undefined);
}

/** What the plan must know of a source. */
export function draftSource(id: string, source: SourceDefinition): DraftSource {
  const { eventTime, idle, badRecords, partitions, code } = source;
  const connector = settings(source.connector);
  const watermark = settings(source.watermark);
  return {
    kind: 'source',
    id,
    inputs: [],
    code,
    connector: connector.kind,
    options: jsonOf(connector.options),
    bounded: connector.bounded,
    hasEventTime: eventTime !== undefined,
    watermark: { kind: watermark.kind, bound: watermark.bound },
    idle,
    badRecords,
    partitions,
    mistakes: [...mistakesIn(source)],
  };
}

/**
 * The number of partitions as far as a connector's options tell: as many as `partitions` says, else as lists of `rows` there are, else as the connector has that
 * it is made `of`; else one, unless it never ends.
 */
function announcedPartitions(connector: SourceConnector<unknown>): number | undefined {
  const { options, bounded } = settings(connector);
  for (let level = options; isObject(level); level = (level['of'] as typeof level | undefined)?.['options'] ?? null) {
    const { partitions, rows } = level;
    if (typeof partitions === 'number') return partitions;
    if (Array.isArray(rows)) return rows.length;
  }
  return bounded ? 1 : undefined;
}

const isObject = (json: Json): json is { readonly [name: string]: Json } =>
  typeof json === 'object' && json !== null && !Array.isArray(json);

function isWatermark(given: WatermarkStrategy<unknown>): boolean {
  const { create, onRecord } = settings(settings(given).generator);
  return typeof create === 'function' && typeof onRecord === 'function';
}

function* mistakesIn(source: SourceDefinition): Generator<Mistake> {
  const { connector, schema, eventTime, watermark, maxFuture, maxRecordBytes, idle, badRecords } = source;
  yield* connectorMistakes('source', settings(connector).bounded, connector);
  yield* source.mistakes;
  if (schema !== undefined && typeof schema?.['~standard']?.validate !== 'function') {
    yield {
      rule: 'its schema is no Standard Schema',
      fix: 'give a schema of zod, valibot, arktype or another that follows the standard',
    };
  }
  if (eventTime !== undefined && typeof eventTime !== 'function') {
    yield { rule: 'its eventTime is no function', fix: 'write eventTime: (record) => record.time' };
  }
  if (!isWatermark(watermark)) {
    yield { rule: 'its watermark is no strategy', fix: 'use boundedOutOfOrderness(seconds(5)) or another' };
  }
  if (!['advance', 'exclude', 'hold'].includes(idle.policy)) {
    yield { rule: `its idle policy is '${idle.policy}'`, fix: `use 'advance', 'exclude' or 'hold'` };
  }
  if (!['fail', 'dead-letter', 'skip'].includes(badRecords)) {
    yield { rule: `its policy for bad records is '${badRecords}'`, fix: `use 'fail', 'dead-letter' or 'skip'` };
  }
  if (maxFuture !== undefined && !(Number.isFinite(maxFuture) && maxFuture >= 0)) {
    yield { rule: `its maxFuture is ${maxFuture} ms`, fix: 'give a span such as hours(1)' };
  }
  if (maxRecordBytes !== undefined && !(Number.isSafeInteger(maxRecordBytes) && maxRecordBytes > 0)) {
    yield { rule: `its maxRecordBytes is ${maxRecordBytes}`, fix: 'give a positive whole number of bytes' };
  }
}
