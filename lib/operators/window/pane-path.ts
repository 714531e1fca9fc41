/**
 * Overlapping windows by event time that aggregate and fire at their end, over shared panes (Li, Maier, Tufte, Papadimos and Tucker 2005,
 * "No pane, no gain"): a record is folded into the one pane its time lies in, and a window's result is the merger of its panes.
 *
 * 1. A pane is a cell (key, pane end) without a timer. It is kept until the last window it belongs to is cleared, so every window that can still fire or
 *    be updated finds all its panes.
 * 2. Each key with panes has one driver, whose timer is at or before the next time at which a window of the key must fire or a pane go.
 * 3. A record that is late for some of its windows and not for others is folded in: the former never fire again.
 */
import type { KeyId } from '../../model/index.ts';
import { type Cell, NEVER } from '../../state/index.ts';
import type { Aggregator } from '../aggregate/index.ts';
import type { Operator, OperatorContext, Receiver } from '../operator.ts';
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

class PanePath implements Operator {
  readonly inputs: readonly Receiver[];
  readonly #panes: Panes;
  readonly #aggregator: Aggregator<unknown, unknown, unknown>;
  readonly #late: Lateness;
  readonly #emission: Emission;
  /** Whether merging leaves no part of the second accumulator in the first: so it is where both are but numbers. */
  readonly #numbers: boolean;

  constructor(
    context: OperatorContext,
    panes: Panes,
    aggregator: Aggregator<unknown, unknown, unknown>,
    late: Lateness,
    emission: Emission,
  ) {
    this.#panes = panes;
    this.#aggregator = aggregator;
    this.#late = late;
    this.#emission = emission;
    this.#numbers = aggregator.slots !== undefined;
    const { width, offset } = panes;
    const { allowed } = late;
    const { time: now } = context;
    const cells = context.table<unknown>('$panes', {
      clone: aggregator.clone,
      numbers: aggregator.slots !== undefined,
      domain: 'none',
    });
    const drivers = context.table<null>('$windows', {
      clone: () => null,
      domain: 'event',
      onTimer: (driver, time) => {
        const held = cells.cellsOf(driver.key);
        if (panes.isEnd(time + 1)) this.#fire(held, driver.key, time + 1);
        let next = NEVER;
        for (const pane of held) {
          const end = pane.sub as number;
          if (clearedAt(panes.lastEnd(end), allowed) <= time) cells.remove(pane);
          else next = Math.min(next, this.#next(end, time));
        }
        if (next === NEVER) drivers.remove(driver);
        else drivers.schedule(driver, next);
        if (emission.clears) this.#clear(driver.key, time);
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
      const cell = cells.find(key as KeyId, end);
      if (cell !== undefined) {
        cells.touch(cell);
        cell.value = aggregator.add(cell.value, value, time);
      } else {
        cells.create(key as KeyId, end, aggregator.add(aggregator.create(), value, time));
        const due = this.#next(end, watermark);
        const driver = drivers.find(key as KeyId, undefined) ?? drivers.create(key as KeyId, undefined, null);
        if (due < driver.timer) drivers.schedule(driver, due);
      }
      if (closed) this.#refire(cells.cellsOf(key as KeyId), key as KeyId, firstEnd, lastEnd, watermark);
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
  #refire(held: readonly Cell<unknown>[], key: KeyId, firstEnd: number, lastEnd: number, watermark: number): void {
    let updated = false;
    for (let end = lastEnd; end >= firstEnd; end = this.#panes.endBefore(end)) {
      if (end - 1 > watermark) continue;
      if (clearedAt(end, this.#late.allowed) <= watermark) break;
      if (!updated) this.#late.refired();
      updated = true;
      this.#fire(held, key, end);
    }
  }

  /** Emits the window that ends at `end`, if it has records. `held` are the key's panes in the order of time. */
  #fire(held: readonly Cell<unknown>[], key: KeyId, end: number): void {
    const start = this.#panes.startOf(end);
    const aggregator = this.#aggregator;
    let first: unknown;
    let merged: unknown;
    let n = 0;
    for (const pane of held) {
      const paneEnd = pane.sub as number;
      if (paneEnd <= start || paneEnd > end) continue;
      n++;
      if (n === 1) {
        first = pane.value;
        continue;
      }
      if (n === 2) merged = aggregator.clone(first);
      merged = aggregator.merge(merged, this.#numbers ? pane.value : aggregator.clone(pane.value));
    }
    if (n === 0) return;
    this.#emission.emit(key, end, start, end, end - 1, aggregator.result(n === 1 ? first : merged));
  }

  /** Clears the states of the window that is cleared at `time`, if one is. */
  #clear(key: KeyId, time: number): void {
    const end = time - this.#late.allowed + 1;
    if (this.#panes.isEnd(end)) this.#emission.cleared(key, end);
  }
}
