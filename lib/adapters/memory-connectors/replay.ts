import { type EventTime, MillraceError } from '../../model/index.ts';
import {
  type Json,
  type SourceConnector,
  type SourceHost,
  type SourceLog,
  type SourceSlice,
  Undecodable,
} from '../../ports/index.ts';

export interface ReplayOptions<T> {
  /** How many times faster than it happened; `max` for as fast as it can be read. */
  readonly speed: number | 'max';
  /** When a row happened. */
  readonly time: (row: T) => EventTime | Date | number;
}

/**
 * Plays a bounded source back at the pace at which it happened, or a multiple: a row becomes readable when as much time has gone by since the first read
 * as between the first row read and it, divided by `speed`. Rows stay in their order, one that is not due holds back those behind it. After a
 * restart time has gone on: what came due meanwhile is there at once.
 */
export function replay<T>(connector: SourceConnector<T>, options: ReplayOptions<T>): SourceConnector<T> {
  const { speed } = options;
  if (speed !== 'max' && !(speed > 0))
    throw invalid(`a replay needs a speed above zero, not ${speed}`, "use 1 for real time, or 'max'");
  if (!connector.bounded)
    throw invalid(`a source without an end cannot be replayed: ${connector.kind}`, 'replay a file or a collection');
  return {
    kind: 'replay',
    options: { speed, of: { kind: connector.kind, options: connector.options } },
    bounded: true,
    async open(host) {
      const inner = await connector.open(host);
      return speed === 'max'
        ? inner
        : new ReplayLog(inner, host, speed, options.time as (row: unknown) => EventTime | Date | number);
    },
  };
}

/** The wall's time at which rows of an event time are due, and from which the others are counted. */
interface Anchor {
  readonly wall: number;
  readonly event: number;
}

/** A slice of the inner source, of which rows up to some place were given out. */
interface Held {
  readonly slice: SourceSlice;
  readonly base: number;
  readonly cursor: Json | undefined;
}

class ReplayLog implements SourceLog {
  readonly info;
  readonly #inner: SourceLog;
  readonly #host: SourceHost;
  readonly #speed: number;
  readonly #time: (row: unknown) => EventTime | Date | number;
  readonly #held: (Held | undefined)[] = [];
  readonly #given: number[] = [];
  #anchor: Anchor | undefined;

  constructor(inner: SourceLog, host: SourceHost, speed: number, time: (row: unknown) => EventTime | Date | number) {
    this.info = inner.info;
    this.#inner = inner;
    this.#host = host;
    this.#speed = speed;
    this.#time = time;
  }

  async read(partition: number, from: number, limit: number, cursor: Json | undefined): Promise<SourceSlice> {
    const saved = readCursor(cursor);
    this.#anchor ??= saved?.anchor;
    const held = await this.#holding(partition, from, limit, saved);
    const { slice, base } = held;
    const now = this.#host.clock.now();
    const first = firstAt(slice, base, from);
    let last = first;
    while (last < slice.values.length && last - first < limit && this.#isDue(slice.values[last], now)) last++;
    const all = last === slice.values.length;
    const next = all ? slice.next : offsetAt(slice, base, last);
    this.#given[partition] = next;
    return {
      values: slice.values.slice(first, last),
      ...(slice.offsets === undefined ? {} : { offsets: slice.offsets.slice(first, last) }),
      ...(slice.times === undefined ? {} : { times: slice.times.slice(first, last) }),
      next,
      cursor: this.#cursor(all ? { base: slice.next, inner: slice.cursor } : { base, inner: held.cursor }),
      start: slice.start,
      end: slice.end,
      sealed: all && slice.sealed,
      bytesLeft: slice.bytesLeft,
    };
  }

  async bounds(partition: number): Promise<{ start: number; end: number | undefined; sealed: boolean }> {
    const inner = await this.#inner.bounds(partition);
    const held = this.#held[partition];
    const given = this.#given[partition];
    if (held === undefined || given === undefined || given >= held.slice.next) return inner;
    const waiting = held.slice.values[firstAt(held.slice, held.base, given)];
    return { start: inner.start, end: this.#isDue(waiting, this.#host.clock.now()) ? undefined : given, sealed: false };
  }

  async close(): Promise<void> {
    await this.#inner.close();
  }

  async #holding(partition: number, from: number, limit: number, saved: Saved | undefined): Promise<Held> {
    const held = this.#held[partition];
    if (held !== undefined && from >= held.base && from < held.slice.next) return held;
    let base = from;
    let cursor: Json | undefined;
    if (saved !== undefined && saved.base <= from) ({ base, inner: cursor } = saved);
    let slice = await this.#inner.read(partition, base, Math.max(limit, from - base + 1), cursor);
    while (slice.next <= from && slice.values.length > 0 && !slice.sealed) {
      base = slice.next;
      cursor = slice.cursor;
      slice = await this.#inner.read(partition, base, Math.max(limit, from - base + 1), cursor);
    }
    const fresh = { slice, base, cursor };
    this.#held[partition] = fresh;
    return fresh;
  }

  #isDue(row: unknown, now: number): boolean {
    if (row instanceof Undecodable) return true;
    const event = this.#eventTime(row);
    if (Number.isNaN(event)) return true;
    this.#anchor ??= { wall: now, event };
    return (event - this.#anchor.event) / this.#speed <= now - this.#anchor.wall;
  }

  /** NaN where the row has none: the source's own event time will say so. */
  #eventTime(row: unknown): number {
    try {
      return Number(this.#time(row));
    } catch {
      return Number.NaN;
    }
  }

  #cursor({ base, inner }: { readonly base: number; readonly inner: Json | undefined }): Json {
    return { base, inner: inner ?? null, anchor: this.#anchor === undefined ? null : { ...this.#anchor } };
  }
}

interface Saved {
  readonly base: number;
  readonly inner: Json | undefined;
  readonly anchor: Anchor | undefined;
}

function readCursor(cursor: Json | undefined): Saved | undefined {
  if (cursor === undefined || cursor === null) return undefined;
  const { base, inner, anchor } = cursor as {
    readonly base?: Json;
    readonly inner?: Json;
    readonly anchor?: Anchor | null;
  };
  if (typeof base !== 'number')
    throw new MillraceError('incompatible', 'the stored place in a replay cannot be understood');
  return { base, inner: inner ?? undefined, anchor: anchor ?? undefined };
}

const offsetAt = (slice: SourceSlice, base: number, i: number): number => slice.offsets?.[i] ?? base + i;

/** Index of the first row at or after `from`. */
function firstAt(slice: SourceSlice, base: number, from: number): number {
  if (slice.offsets === undefined) return Math.min(from - base, slice.values.length);
  const found = slice.offsets.findIndex((offset) => offset >= from);
  return found < 0 ? slice.values.length : found;
}

function invalid(message: string, hint: string): MillraceError {
  return new MillraceError('invalid-pipeline', message, { hint });
}
