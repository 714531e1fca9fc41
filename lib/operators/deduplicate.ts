/** One record of each key: the first as a stream, or the first or last as a table. Flink SQL's deduplication, with deletions when rows expire. */
import { type Duration, type KeyId, MAX_TIME } from '../model/index.ts';
import { NEVER, NONE } from '../state/index.ts';
import { definition } from './author-code.ts';
import type { Mistake, OperatorDefinition } from './definition.ts';
import type { Operator, OperatorContext, Receiver } from './operator.ts';
import { lifeOf, RowLife, ttlMistakes } from './row-life.ts';
import { emitChange, ROWS, rowOf } from './table/index.ts';

/** Which record of a key stays, and for how long it is known. */
export interface DeduplicateSpec {
  /** Default `first`. */
  readonly keep?: 'first' | 'last';
  /** What decides which is first or last: `arrival` (default), the order of the task's log, or `event`, the records' event time. */
  readonly by?: 'arrival' | 'event';
  /** How long a key is remembered. Without it the state grows with the keys and is never cleared. */
  readonly ttl?: Duration;
  /** The time in which `ttl` counts. Default `event`. */
  readonly ttlBy?: 'event' | 'processing';
}

/** The first record of each key, by arrival, at once; or a table of the record that is first or last by what was asked. Those that come to nothing are counted as `duplicates`. */
export function deduplicateOperator(spec: DeduplicateSpec = {}): OperatorDefinition {
  const { keep = 'first', by = 'arrival', ttl, ttlBy = 'event' } = spec;
  const asTable = keep === 'last' || by === 'event';
  const byEvent = by === 'event' || (ttl !== undefined && ttlBy === 'event');
  return definition({
    type: 'deduplicate',
    needsKey: true,
    stateful: true,
    eventTime: byEvent,
    processingTime: asTable && ttl !== undefined && ttlBy === 'processing',
    steps: byEvent ? 'every' : 'none',
    options: { layout: { keep, by, ttl: lifeOf(ttl, ttlBy) }, ...(ttl === undefined ? {} : { ttl }) },
    mistakes: mistakesIn(spec),
    ...(asTable
      ? {
          updates: true,
          state: { [ROWS]: 1 },
          rows: { state: ROWS, row: (kept: unknown) => (kept as Kept).record },
          code: { create: (context) => new OneRow(context, keep, by, ttl, ttlBy) },
        }
      : { state: { first: 1 }, code: { create: (context) => new FirstRecords(context, ttl, ttlBy) } }),
  });
}

/** A key has one row. */
const ONLY = Number.NEGATIVE_INFINITY;

/**
 * The first record of each key. A later one is a duplicate while the key is remembered, and by event time only if it is less than the `ttl` younger than the first: so how far the
 * watermark is behind makes no difference. A key is remembered until the watermark has gone the `ttl` beyond the first record's time, or beyond where it was if that is later; by processing time
 * until that has gone the `ttl` beyond where it was.
 */
class FirstRecords implements Operator {
  readonly inputs: readonly Receiver[];
  readonly #context: OperatorContext;
  readonly #out: Receiver;
  readonly #ttl: number | undefined;
  readonly #byEvent: boolean;
  /** When the first record was, by event time. */
  readonly #first;

  constructor(context: OperatorContext, ttl: number | undefined, by: 'event' | 'processing') {
    this.#context = context;
    this.#out = context.output();
    this.#ttl = ttl;
    this.#byEvent = by === 'event';
    this.#first = context.rows<number>('first', {
      width: 1,
      pack(time, numbers, at) {
        numbers[at] = time;
      },
      unpack: (numbers, at) => numbers[at]!,
      domain: ttl === undefined ? 'none' : this.#byEvent ? 'event-ttl' : 'processing-ttl',
    });
    this.inputs = [{ record: (value, time, key) => this.#record(value, time, key!) }];
  }

  #record(value: unknown, time: number, key: KeyId): void {
    const first = this.#first;
    let row = first.last(key);
    if (row !== NONE && this.#remembers(row, time)) {
      this.#context.count('duplicates', 1);
      return;
    }
    if (row === NONE) row = first.add(key, ONLY);
    else first.touchRow(row);
    first.numbers[first.at(row)] = time;
    if (this.#ttl !== undefined) first.scheduleRow(row, this.#until(time, this.#ttl));
    this.#out.record(value, time, key);
  }

  #remembers(row: number, time: number): boolean {
    if (this.#ttl === undefined) return true;
    const first = this.#first;
    if (this.#byEvent) return time < first.numbers[first.at(row)]! + this.#ttl;
    return first.timerAt(row) > this.#context.time.processingTime;
  }

  #until(time: number, ttl: number): number {
    const { watermark, processingTime } = this.#context.time;
    return Math.min((this.#byEvent ? Math.max(time, watermark) : processingTime) + ttl, MAX_TIME);
  }
}

/** What is kept of a key; without a record, that it was deleted. */
interface Kept {
  readonly record: unknown;
  readonly time: number;
}

/**
 * The first or last record of each key as a table. By event time an earlier (or later) one that comes later takes the row's place; of equal times the first stays the first that came, and
 * the last is the last that came. A row stays for the `ttl` after it was put there, and is then deleted.
 *
 * `null` and `undefined` are no rows. As the last record they delete; by event time that is remembered until the watermark has reached it, so that nothing older takes the place. As the first
 * record they are left out (counted as `tombstones`).
 */
class OneRow implements Operator {
  readonly inputs: readonly Receiver[];
  readonly #context: OperatorContext;
  readonly #out: Receiver;
  readonly #last: boolean;
  readonly #byEvent: boolean;
  readonly #life: RowLife;
  readonly #rows;

  constructor(
    context: OperatorContext,
    keep: 'first' | 'last',
    by: 'arrival' | 'event',
    ttl: number | undefined,
    ttlBy: 'event' | 'processing',
  ) {
    this.#context = context;
    this.#out = context.output();
    this.#last = keep === 'last';
    this.#byEvent = by === 'event';
    this.#life = new RowLife(context.time, ttl, ttlBy);
    const domain = this.#life.domain === 'none' && this.#byEvent ? 'event' : this.#life.domain;
    this.#rows = context.table<Kept>(ROWS, {
      clone: (kept) => kept,
      domain,
      onTimer: (cell, timer) => {
        const { key, value } = cell;
        if (value.record !== undefined && !this.#life.ends) return;
        this.#rows.remove(cell);
        emitChange(this.#out, value.record, undefined, this.#life.timeOf(timer, value.time), key);
      },
    });
    this.inputs = [{ record: (value, time, key) => this.#record(value, time, key!) }];
  }

  #record(value: unknown, time: number, key: KeyId): void {
    const record = rowOf('deduplicate', value);
    if (record === undefined && !this.#last) {
      this.#context.count('tombstones', 1);
      return;
    }
    const cell = this.#rows.find(key, undefined);
    const had = cell?.value;
    if (had !== undefined && this.#byEvent && (this.#last ? time < had.time : time >= had.time)) {
      this.#context.count('duplicates', 1);
      return;
    }
    if (record === undefined) this.#delete(key, time);
    else {
      const kept = cell ?? this.#rows.create(key, undefined, { record, time });
      if (cell !== undefined) this.#rows.set(cell, { record, time });
      if (cell !== undefined && had!.record === undefined) this.#rows.schedule(cell, NEVER);
      this.#life.renew(this.#rows, kept, time);
    }
    emitChange(this.#out, had?.record, record, time, key);
  }

  #delete(key: KeyId, time: number): void {
    const rows = this.#rows;
    const cell = rows.find(key, undefined);
    if (this.#byEvent && (time > this.#context.time.watermark || this.#life.domain === 'processing')) {
      const deleted: Kept = { record: undefined, time };
      const kept = cell ?? rows.create(key, undefined, deleted);
      if (cell !== undefined) rows.set(cell, deleted);
      if (this.#life.domain === 'processing') this.#life.renew(rows, kept, time);
      else rows.schedule(kept, time);
    } else if (cell !== undefined) rows.remove(cell);
  }
}

function mistakesIn({ keep, by, ttl, ttlBy }: DeduplicateSpec): Mistake[] {
  const mistakes = ttlMistakes(ttl, ttlBy);
  const choose = (name: string, given: string | undefined, choices: readonly string[]): void => {
    if (given === undefined || choices.includes(given)) return;
    mistakes.push({ rule: `its ${name} is "${given}"`, fix: `say ${choices.map((each) => `'${each}'`).join(' or ')}` });
  };
  choose('keep', keep, ['first', 'last']);
  choose('by', by, ['arrival', 'event']);
  return mistakes;
}
