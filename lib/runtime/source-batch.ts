/**
 * A source's rows on their way into its stage: decoded, validated, timed; what does not fit follows the source's policy.
 *
 * Whether a row lies too far in the future is judged by facts that every attempt shares: the log's own times, and when rows were found, once that is
 * committed. A row ahead of all that is known so far ends its attempt with nothing applied, and the commit says when it was found, no earlier than what
 * was known before; the rows of which it says so are a batch to themselves. So what one attempt has taken, no later one refuses.
 */
import { type EventTime, MAX_EVENT_TIME, MIN_TIME, MillraceError } from '../model/index.ts';
import type { Receiver } from '../operators/index.ts';
import { maxFutureOf, type SourceDefinition } from '../pipeline/index.ts';
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
  readonly #ahead: number | undefined;

  /** `now`: the clock after the rows were read. */
  constructor(source: string, definition: SourceDefinition, state: TaskState, now: number) {
    this.#source = source;
    this.#definition = definition;
    this.#state = state;
    this.#head = state.chain.sourceHead!;
    this.#now = now;
    this.#ahead = maxFutureOf(definition);
  }

  /** Applies rows below `limit`. In a careful attempt throws `AttemptOver` at a row that is to be tried again or stops the task. */
  apply(slice: SourceSlice, from: number, limit: number, applier: Applier, careful: boolean): void {
    const state = this.#state;
    const start = careful && this.#ahead !== undefined ? applier.wayBack() : undefined;
    try {
      this.#rows(slice, from, limit, applier, careful);
    } catch (error) {
      if (!(error instanceof ArrivalUnknown)) throw error;
      if (start !== undefined) {
        applier.goBack(start);
        applier.givenUp.length = 0;
        applier.recordsIn = 0;
        state.found = { upTo: slice.next, at: Math.max(this.#now, state.lastArrival) };
      }
      throw new AttemptOver(from, state.status);
    }
  }

  #rows(slice: SourceSlice, from: number, limit: number, applier: Applier, careful: boolean): void {
    const { values, offsets, times } = slice;
    const { eventTime, schema, maxRecordBytes } = this.#definition;
    const { generator, kind } = this.#definition.watermark;
    const { unit } = this.#state;
    const validate = schema?.['~standard'].validate;
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
          if (eventTime !== undefined) {
            time = timeOf(eventTime(value));
            if (this.#ahead !== undefined) this.#judge(time, offset, this.#ahead);
          }
        } catch (error) {
          if (error instanceof ArrivalUnknown) throw error;
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

  /** Refuses a time that is too far `ahead` of the record's arrival, or throws `ArrivalUnknown` if that may be so. */
  #judge(time: number, offset: number, ahead: number): void {
    const { found, lastArrival, unit } = this.#state;
    const logged = unit.processingTime;
    if (logged > 0 && time > logged + ahead) throw tooFarAhead(time, logged);
    const isFound = found !== undefined && offset < found.upTo;
    if (isFound && time > found.at + ahead) throw tooFarAhead(time, found.at);
    if (!isFound && time > lastArrival + ahead) throw new ArrivalUnknown();
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

function timeOf(said: unknown): number {
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
  return Math.trunc(time);
}

function tooFarAhead(time: number, arrived: number): MillraceError {
  const [said, came] = [time, arrived].map((at) => new Date(at).toISOString());
  return new MillraceError(
    'bad-record',
    `the event time ${said} lies too far in the future: the record came at ${came}`,
    {
      hint: 'one such record would make all others late; raise maxFuture of the source if it is right',
    },
  );
}

/** A record lies ahead of when anything is known to have been found. */
class ArrivalUnknown extends Error {}
