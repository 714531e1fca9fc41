/**
 * Record-anchored sliding windows, as Kafka Streams has them (KIP-450): of each record's time t the window that ends with it, [t - d, t], and the one that begins right after it,
 * [t + 1, t + 1 + d], if there is a record in it.
 *
 * 1. Records of one key and time share a pane, a row (key, t). A window's result is the merger of the panes in it, so that a record changes one row, whatever the number
 *    of its windows. Windows are named by their last millisecond, as all are of one size.
 * 2. The windows of a key follow from its panes: those that end at t or at t + 1 + d. A pane is kept until the latter is cleared, and its one timer is the
 *    next time at which something of the two is due.
 * 3. A record that is late for some of its windows and not for others is folded in. If its own window, which ends with it, is cleared, nothing makes sure that
 *    any result will tell of it: the pane counts such records until one does, and when it goes they are counted as `unwindowed`.
 */
import type { KeyId } from '../../model/index.ts';
import { NEVER, NONE, type RowTable } from '../../state/index.ts';
import type { Aggregator } from '../aggregate/index.ts';
import type { Operator, OperatorContext, Receiver, TaskTime } from '../operator.ts';
import { type Accumulators, accumulators } from './accumulators.ts';
import type { Sliding } from './assigner.ts';
import type { Emission } from './emission.ts';
import type { Lateness } from './lateness.ts';
import { clearedAt } from './window.ts';

/** With `updates`, results are emitted for every window that a record changes; else for each window at its end, and again after each late record. */
export function slidingPath(
  context: OperatorContext,
  assigner: Sliding,
  updates: boolean,
  aggregator: Aggregator<unknown, unknown, unknown>,
  late: Lateness,
  emission: Emission,
): Operator {
  return new SlidingPath(context, assigner, updates, aggregator, late, emission);
}

/** What a pane is as it is stored: how many of its records no result is sure to tell of, and the accumulator. */
interface Pane {
  readonly untold: number;
  readonly acc: unknown;
}

class SlidingPath implements Operator {
  readonly inputs: readonly Receiver[];
  readonly #difference: number;
  readonly #updates: boolean;
  readonly #late: Lateness;
  readonly #emission: Emission;
  readonly #accs: Accumulators;
  readonly #panes: RowTable<unknown>;
  readonly #time: TaskTime;
  readonly #context: OperatorContext;
  /** Panes in hand, latest first. */
  readonly #held: number[] = [];

  constructor(
    context: OperatorContext,
    { difference }: Sliding,
    updates: boolean,
    aggregator: Aggregator<unknown, unknown, unknown>,
    late: Lateness,
    emission: Emission,
  ) {
    this.#difference = difference;
    this.#updates = updates;
    this.#late = late;
    this.#emission = emission;
    this.#context = context;
    this.#time = context.time;
    const accs = accumulators(aggregator, 1);
    const { layout } = accs;
    this.#accs = accs;
    this.#panes = context.rows<Pane>('$windows', {
      ...layout,
      pack(pane, numbers, at) {
        numbers[at] = pane.untold;
        return layout.pack(pane.acc, numbers, at);
      },
      unpack: (numbers, at, part) => ({ untold: numbers[at]!, acc: layout.unpack(numbers, at, part) }),
      domain: 'event',
      onTimer: (pane, time) => this.#due(pane, time),
    }) as RowTable<unknown>;
    this.inputs = [{ record: (value, time, key) => this.#add(value, time, key as KeyId) }];
  }

  #add(value: unknown, time: number, key: KeyId): void {
    const { watermark } = this.#time;
    if (this.#isCleared(time + this.#difference)) {
      this.#late.late(value, time, key);
      return;
    }
    const panes = this.#panes;
    const isUnsure = this.#isCleared(time);
    let pane = panes.row(key, time);
    const isNew = pane === NONE;
    if (isNew) {
      pane = panes.add(key, time);
      this.#accs.begin(panes, pane, value, time);
      panes.numbers[panes.at(pane)] = 0;
      panes.scheduleRow(pane, this.#next(time, watermark));
    } else {
      panes.touchRow(pane);
      this.#accs.add(panes, pane, value, time);
    }
    if (isUnsure) panes.numbers[panes.at(pane)]! += 1;
    if (this.#updates || time <= watermark) this.#update(key, pane, time, isNew);
  }

  /** Emits the windows that a record has changed or made, in the order of their ends: those that are over, or with `updates` all. */
  #update(key: KeyId, pane: number, time: number, isNew: boolean): void {
    const difference = this.#difference;
    const { watermark } = this.#time;
    const until = this.#updates ? Number.POSITIVE_INFINITY : watermark;
    const ends = this.#endsOf(key, time).filter((end) => end <= until && !this.#isCleared(end));
    const made = time + 1 + difference;
    const makes = isNew && made <= until && this.#panes.row(key, made) === NONE && this.#count(key, made) > 0;
    if (!makes && ends.length === 0) return;
    if (ends.some((end) => end <= watermark) || (makes && made <= watermark)) this.#late.refired();
    if (ends.length === 1) this.#fire(key, ends[0]!);
    else if (ends.length > 1) this.#fireAll(key, pane, time, ends);
    if (makes) this.#fire(key, made);
  }

  /** The ends of the windows that hold a time, ascending. */
  #endsOf(key: KeyId, time: number): number[] {
    const difference = this.#difference;
    const panes = this.#panes;
    const ends: number[] = [];
    let right = panes.upTo(key, time + difference);
    let left = panes.upTo(key, time - 1);
    for (;;) {
      const own = right === NONE ? Number.NEGATIVE_INFINITY : panes.subAt(right);
      const after = left === NONE ? Number.NEGATIVE_INFINITY : panes.subAt(left) + 1 + difference;
      const end = Math.max(own, after);
      if (end < time) break;
      ends.push(end);
      if (own === end) right = panes.before(right);
      if (after === end) left = panes.before(left);
    }
    return ends.reverse();
  }

  /** Emits several windows that hold a pane's time: each is the merger of a run of panes up to this one and of a run behind it, which are shared. */
  #fireAll(key: KeyId, pane: number, time: number, ends: readonly number[]): void {
    const difference = this.#difference;
    const panes = this.#panes;
    const accs = this.#accs;
    const before: { readonly time: number; readonly acc: unknown }[] = [{ time, acc: accs.copy(panes, pane) }];
    const [earliest, latest] = [ends[0]! - difference, ends.at(-1)!];
    this.#told(pane);
    for (let row = panes.before(pane); row !== NONE && panes.subAt(row) >= earliest; row = panes.before(row)) {
      before.push({ time: panes.subAt(row), acc: accs.joined(accs.copy(panes, row), before.at(-1)!.acc) });
      this.#told(row);
    }
    const after: typeof before = [];
    const behind: number[] = [];
    for (let row = panes.upTo(key, latest); row !== pane; row = panes.before(row)) behind.push(row);
    for (const row of behind.reverse()) {
      const acc = accs.copy(panes, row);
      after.push({ time: panes.subAt(row), acc: after.length === 0 ? acc : accs.joined(after.at(-1)!.acc, acc) });
      this.#told(row);
    }
    let first = before.length - 1;
    let last = -1;
    for (const end of ends) {
      while (before[first]!.time < end - difference) first--;
      while (last + 1 < after.length && after[last + 1]!.time <= end) last++;
      const acc = last < 0 ? before[first]!.acc : accs.joined(before[first]!.acc, after[last]!.acc);
      this.#emit(key, end, accs.resultApart(acc));
    }
  }

  /** Gathers the panes of the window that ends with this millisecond, and says how many there are. */
  #count(key: KeyId, end: number): number {
    const panes = this.#panes;
    let n = 0;
    const start = end - this.#difference;
    for (let row = panes.upTo(key, end); row !== NONE && panes.subAt(row) >= start; row = panes.before(row)) {
      this.#held[n++] = row;
    }
    return n;
  }

  /** Emits the window that ends with this millisecond, if it has records. */
  #fire(key: KeyId, end: number): void {
    const n = this.#count(key, end);
    if (n === 0) return;
    for (let i = 0; i < n; i++) this.#told(this.#held[i]!);
    this.#emit(key, end, this.#accs.resultOf(this.#panes, this.#held, n));
  }

  #told(pane: number): void {
    const panes = this.#panes;
    if (panes.numbers[panes.at(pane)] === 0) return;
    panes.touchRow(pane);
    panes.numbers[panes.at(pane)] = 0;
  }

  #emit(key: KeyId, end: number, result: unknown): void {
    this.#emission.emit(key, end + 1, end - this.#difference, end + 1, end, result);
  }

  #due(pane: number, time: number): void {
    const panes = this.#panes;
    const key = panes.keyAt(pane);
    const own = panes.subAt(pane);
    const after = own + 1 + this.#difference;
    if (!this.#updates) {
      if (time === own) this.#fire(key, own);
      else if (time === after && panes.row(key, after) === NONE) this.#fire(key, after);
    }
    if (this.#emission.clears) {
      if (time === this.#clearing(own)) this.#emission.cleared(key, own + 1);
      if (time === this.#clearing(after)) this.#emission.cleared(key, after + 1);
    }
    const next = this.#next(own, time);
    if (next !== NEVER) {
      panes.scheduleRow(pane, next);
      return;
    }
    const untold = panes.numbers[panes.at(pane)]!;
    if (untold > 0) this.#context.count('unwindowed', untold);
    panes.drop(pane);
  }

  /** The first time after `now` at which something of a pane's two windows is due; NEVER if all is over. */
  #next(own: number, now: number): number {
    const after = own + 1 + this.#difference;
    const gone = this.#clearing(after);
    let next = gone > now ? gone : NEVER;
    if (this.#emission.clears) next = sooner(next, this.#clearing(own), now);
    return this.#updates ? next : sooner(sooner(next, after, now), own, now);
  }

  #isCleared(end: number): boolean {
    return this.#clearing(end) <= this.#time.watermark;
  }

  #clearing(end: number): number {
    return clearedAt(end + 1, this.#late.allowed);
  }
}

const sooner = (next: number, time: number, now: number): number => (time > now && time < next ? time : next);
