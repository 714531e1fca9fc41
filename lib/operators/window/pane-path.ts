/**
 * Overlapping windows by event time that aggregate and fire at their end, over shared panes (Li, Maier, Tufte, Papadimos and Tucker 2005,
 * "No pane, no gain"): a record is folded into the one pane its time lies in, and a window's result is the merger of its panes.
 *
 * 1. A pane is a row (key, pane end) without a timer. It is kept until the last window it belongs to is cleared, so every window that can still fire or
 *    be updated finds all its panes.
 * 2. Each key with panes has one driver, whose timer is at or before the next time at which a window of the key must fire or a pane go.
 * 3. A record that is late for some of its windows and not for others is folded in: the former never fire again.
 */
import type { KeyId } from '../../model/index.ts';
import { NEVER, NONE, type RowTable } from '../../state/index.ts';
import type { Aggregator } from '../aggregate/index.ts';
import type { Operator, OperatorContext, Receiver } from '../operator.ts';
import { type Accumulators, accumulators } from './accumulators.ts';
import type { Emission } from './emission.ts';
import type { Lateness } from './lateness.ts';
import type { Panes } from './panes.ts';
import { alignUp, clearedAt } from './window.ts';

export function panePath(
  context: OperatorContext,
  panes: Panes,
  aggregator: Aggregator<unknown, unknown, unknown>,
  late: Lateness,
  emission: Emission,
): Operator {
  return new PanePath(context, panes, aggregator, late, emission);
}

/** The sub of a key's only row. */
const ONLY = Number.NEGATIVE_INFINITY;

class PanePath implements Operator {
  readonly inputs: readonly Receiver[];
  readonly #panes: Panes;
  readonly #late: Lateness;
  readonly #emission: Emission;
  readonly #accs: Accumulators;
  readonly #cells: RowTable<unknown>;
  /** The panes of the window that fires, latest first. */
  readonly #held: number[] = [];

  constructor(
    context: OperatorContext,
    panes: Panes,
    aggregator: Aggregator<unknown, unknown, unknown>,
    late: Lateness,
    emission: Emission,
  ) {
    this.#panes = panes;
    this.#late = late;
    this.#emission = emission;
    const { width, offset } = panes;
    const { allowed } = late;
    const { time: now } = context;
    const accs = accumulators(aggregator);
    this.#accs = accs;
    const cells = context.rows<unknown>('$panes', { ...accs.layout, domain: 'none' });
    this.#cells = cells;
    const drivers = context.rows<null>('$windows', {
      width: 0,
      pack: () => undefined,
      unpack: () => null,
      domain: 'event',
      onTimer: (driver, time) => {
        const key = drivers.keyAt(driver);
        if (panes.isEnd(time + 1)) this.#fire(key, time + 1);
        let next = NEVER;
        for (let pane = cells.last(key); pane !== NONE; ) {
          const before = cells.before(pane);
          const end = cells.subAt(pane);
          if (clearedAt(panes.lastEnd(end), allowed) <= time) cells.drop(pane);
          else next = Math.min(next, this.#next(end, time));
          pane = before;
        }
        if (next === NEVER) drivers.drop(driver);
        else drivers.scheduleRow(driver, next);
        if (emission.clears) this.#clear(key, time);
      },
    });

    let start = 0;
    let end = 0;
    let lastEnd = 0;
    let firstEnd = 0;
    const record: Receiver['record'] = (value, time, key) => {
      if (time < start || time >= end) {
        end = alignUp(time + 1, width, offset);
        start = end - width;
        firstEnd = panes.firstEnd(end);
        lastEnd = panes.lastEnd(end);
      }
      if (firstEnd > lastEnd) {
        context.count('unwindowed', 1);
        return;
      }
      const { watermark } = now;
      const closed = firstEnd - 1 <= watermark;
      if (closed && clearedAt(lastEnd, allowed) <= watermark) {
        late.late(value, time, key);
        return;
      }
      let pane = cells.row(key as KeyId, end);
      if (pane !== NONE) {
        cells.touchRow(pane);
        accs.add(cells, pane, value, time);
      } else {
        pane = cells.add(key as KeyId, end);
        accs.begin(cells, pane, value, time);
        const due = this.#next(end, watermark);
        let driver = drivers.row(key as KeyId, ONLY);
        if (driver === NONE) driver = drivers.add(key as KeyId, ONLY);
        if (due < drivers.timerAt(driver)) drivers.scheduleRow(driver, due);
      }
      if (closed) this.#refire(key as KeyId, firstEnd, lastEnd, watermark);
    };
    this.inputs = [{ record }];
  }

  /** The first time after `time` at which a window of the pane fires or its states are cleared, or if all have, at which the pane goes. */
  #next(paneEnd: number, time: number): number {
    const panes = this.#panes;
    const { allowed } = this.#late;
    const firstEnd = panes.firstEnd(paneEnd);
    const lastEnd = panes.lastEnd(paneEnd);
    const firing = Math.max(firstEnd, panes.endAfter(time + 1));
    const next = firing <= lastEnd ? firing - 1 : clearedAt(lastEnd, allowed);
    if (!this.#emission.clears) return next;
    const clearing = Math.max(firstEnd, panes.endAfter(time + 1 - allowed));
    return clearing <= lastEnd ? Math.min(next, clearedAt(clearing, allowed)) : next;
  }

  /** Updates the results of the record's windows that are over but not cleared, as Flink does from the latest to the earliest. */
  #refire(key: KeyId, firstEnd: number, lastEnd: number, watermark: number): void {
    let updated = false;
    for (let end = lastEnd; end >= firstEnd; end = this.#panes.endBefore(end)) {
      if (end - 1 > watermark) continue;
      if (clearedAt(end, this.#late.allowed) <= watermark) break;
      if (!updated) this.#late.refired();
      updated = true;
      this.#fire(key, end);
    }
  }

  /** Emits the window that ends at `end`, if it has records. */
  #fire(key: KeyId, end: number): void {
    const start = this.#panes.startOf(end);
    const cells = this.#cells;
    const held = this.#held;
    let n = 0;
    for (let pane = cells.last(key); pane !== NONE; pane = cells.before(pane)) {
      const paneEnd = cells.subAt(pane);
      if (paneEnd <= start) break;
      if (paneEnd <= end) held[n++] = pane;
    }
    if (n === 0) return;
    this.#emission.emit(key, end, start, end, end - 1, this.#accs.resultOf(cells, held, n));
  }

  /** Clears the states of the window that is cleared at `time`, if one is. */
  #clear(key: KeyId, time: number): void {
    const end = time - this.#late.allowed + 1;
    if (this.#panes.isEnd(end)) this.#emission.cleared(key, end);
  }
}
