/** A source's rows on their way into its stage: decoded, validated, timed; what does not fit follows the source's policy. */
import { type EventTime, MAX_EVENT_TIME, MIN_TIME, MillraceError } from '../model/index.ts';
import type { Receiver } from '../operators/index.ts';
import type { SourceDefinition } from '../pipeline/index.ts';
import { type SourceSlice, Undecodable } from '../ports/index.ts';
import type { Applier } from './applier.ts';
import { AttemptOver, failureOf } from './attempt.ts';
import type { TaskState } from './task-state.ts';

export class SourceBatch {
  readonly #source: string;
  readonly #definition: SourceDefinition;
  readonly #state: TaskState;
  readonly #head: Receiver;
  readonly #now: number;

  constructor(source: string, definition: SourceDefinition, state: TaskState, now: number) {
    this.#source = source;
    this.#definition = definition;
    this.#state = state;
    this.#head = state.chain.sourceHead!;
    this.#now = now;
  }

  /** Applies rows below `limit`. In a careful attempt throws `AttemptOver` at a row that is to be tried again or stops the task. */
  apply(slice: SourceSlice, from: number, limit: number, applier: Applier, careful: boolean): void {
    const { values, offsets, times } = slice;
    const { eventTime, schema, maxFuture, maxRecordBytes } = this.#definition;
    const { generator, kind } = this.#definition.watermark;
    const { unit } = this.#state;
    const validate = schema?.['~standard'].validate;
    const latest = maxFuture === undefined ? MAX_EVENT_TIME : Math.min(MAX_EVENT_TIME, this.#now + maxFuture);
    for (let i = 0; i < values.length; i++) {
      const offset = offsets === undefined ? from + i : offsets[i]!;
      if (offset < from) continue;
      if (offset >= limit) return;
      const row = values[i];
      let value = row;
      let time = times === undefined ? MIN_TIME : (times[i] as number);
      unit.cause = offset;
      unit.index = -1;
      if (time > unit.processingTime) unit.processingTime = time;
      const back = careful ? applier.wayBack() : undefined;
      try {
        if (careful) applier.begin(offset);
        try {
          if (row instanceof Undecodable) throw row.error;
          if (maxRecordBytes !== undefined) refuseLarge(row, maxRecordBytes);
          if (validate !== undefined) value = valid(validate(row));
          if (eventTime !== undefined) time = timeOf(eventTime(value), latest);
        } catch (error) {
          this.#bad(error, row, offset, applier);
          continue;
        }
        applier.record(this.#head, value, time, undefined);
      } catch (error) {
        if (back !== undefined && error instanceof AttemptOver) applier.goBack(back);
        throw error;
      }
      if (kind !== 'none') {
        const moved = generator.onRecord(this.#state.generator, time as EventTime, value);
        if (moved !== undefined && moved > this.#state.sourceWatermark) {
          this.#state.sourceWatermark = moved;
          applier.advance(moved);
        }
      }
    }
  }

  #bad(error: unknown, row: unknown, offset: number, applier: Applier): void {
    const failure = failureOf(
      error instanceof MillraceError ? error.at({ source: this.#source, offset }) : error,
      this.#source,
      this.#now,
    );
    const policy = this.#definition.badRecords;
    const raw = row instanceof Undecodable ? row.raw : row;
    if (policy === 'fail') throw new AttemptOver(offset, { kind: 'stopped', reason: 'failed', failure, skip: [] });
    applier.givenUp.push({
      how: policy,
      cause: offset,
      unit: 0,
      operator: this.#source,
      edge: undefined,
      value: raw,
      time: MIN_TIME,
      key: undefined,
      attempts: 1,
      failure,
    });
  }
}

function refuseLarge(row: unknown, limit: number): void {
  const bytes = Buffer.byteLength(textOf(row));
  if (bytes > limit)
    throw new MillraceError('bad-record', `the record has ${bytes} bytes as JSON, more than the ${limit} allowed`, {
      hint: 'raise maxRecordBytes of the source if it is right',
    });
}

/** The record as JSON; bigints, which JSON does not have, count as text. */
function textOf(row: unknown): string {
  return JSON.stringify(row, (_, part) => (typeof part === 'bigint' ? part.toString() : part)) ?? '';
}

function valid(result: ReturnType<NonNullable<SourceDefinition['schema']>['~standard']['validate']>): unknown {
  if (result instanceof Promise) {
    throw new MillraceError('operator-failed', 'the schema validates asynchronously', {
      hint: 'use a schema without asynchronous checks',
    });
  }
  if (result.issues === undefined) return result.value;
  const issues = result.issues.slice(0, 5).map((issue) => {
    const path = issue.path?.map((p) => String(typeof p === 'object' ? p.key : p)).join('.');
    return path === undefined || path === '' ? issue.message : `${path}: ${issue.message}`;
  });
  throw new MillraceError('bad-record', `the record does not fit the schema: ${issues.join('; ')}`, {
    hint: 'mend the data or the schema, or let the source skip or dead-letter what does not fit (badRecords)',
  });
}

function timeOf(said: unknown, latest: number): number {
  const time = said instanceof Date ? said.getTime() : said;
  if (typeof time !== 'number' || Number.isNaN(time)) {
    throw new MillraceError(
      'bad-record',
      `the event time is ${time === undefined || time === null ? 'missing' : String(said)}`,
      {
        hint: 'eventTime must return a valid Date, or milliseconds since 1970 by epochMillis(n)',
      },
    );
  }
  if (time < 0 || time > MAX_EVENT_TIME) {
    throw new MillraceError('bad-record', `the event time ${time} is not between 1970 and 9999`, {
      hint: 'eventTime must return milliseconds since 1970; seconds are read by epochSeconds(n)',
    });
  }
  if (time > latest) {
    throw new MillraceError('bad-record', `the event time ${new Date(time).toISOString()} lies too far in the future`, {
      hint: 'one such record would make all others late; raise maxFuture of the source if it is right',
    });
  }
  return Math.trunc(time);
}
