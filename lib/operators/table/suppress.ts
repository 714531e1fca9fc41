import { compareKeyIds, type KeyId } from '../../model/index.ts';
import type { Cell } from '../../state/index.ts';
import { definition } from '../author-code.ts';
import type { Mistake, OperatorDefinition } from '../definition.ts';
import type { Operator, OperatorContext, Receiver } from '../operator.ts';
import { type Change, emitChange } from './change.ts';

/** When a suppressed table lets changes out. Made by `untilWindowCloses` and `untilTimeLimit`. */
export type Suppression =
  | { readonly kind: 'window' }
  | { readonly kind: 'time'; readonly limit: number; readonly by: 'event' | 'processing'; readonly maxKeys: number };

/** Only the final row of each window, once the watermark has passed its end and its allowed lateness. For tables of windows. */
export function untilWindowCloses(): Suppression {
  return { kind: 'window' };
}

export interface TimeLimitOptions {
  /** `event` (default): from the time of the first change on, by the watermark. `processing`: from when it came, by the task's clock. */
  readonly by?: 'event' | 'processing';
  /** How many keys a task holds back; when more wait, those due first are let out early, a quarter of all at once. Default: no limit. */
  readonly maxKeys?: number;
}

/** Of each key at most one change in this span: its latest, once the span since the first one held back is over. */
export function untilTimeLimit(limit: number, { by = 'event', maxKeys }: TimeLimitOptions = {}): Suppression {
  return { kind: 'time', limit, by, maxKeys: maxKeys ?? Number.POSITIVE_INFINITY };
}

interface Held {
  readonly before: unknown;
  readonly after: unknown;
  readonly time: number;
}

/**
 * Holds changes of a table back, and lets out one for all that came meanwhile to a key: from what stood before the first to what stands after the last; none if that is
 * nothing. `lateness` is how long after its end a window of the table still changes; undefined if it is no table of windows.
 */
export function suppressOperator(suppression: Suppression, lateness: number | undefined): OperatorDefinition {
  const byEvent = suppression.kind === 'window' || suppression.by === 'event';
  return definition({
    type: 'suppress',
    needsKey: true,
    stateful: true,
    updates: true,
    eventTime: byEvent,
    processingTime: !byEvent,
    steps: byEvent ? 'every' : 'none',
    state: { held: 1 },
    options: { ...suppression, ...('maxKeys' in suppression ? { maxKeys: String(suppression.maxKeys) } : {}) },
    mistakes: mistakesIn(suppression, lateness),
    code: { create: (context) => new Suppressing(context, suppression, lateness ?? 0) },
  });
}

class Suppressing implements Operator {
  readonly inputs: readonly Receiver[];
  readonly #context: OperatorContext;
  readonly #suppression: Suppression;
  readonly #lateness: number;
  readonly #out: Receiver;
  readonly #held;

  constructor(context: OperatorContext, suppression: Suppression, lateness: number) {
    this.#context = context;
    this.#suppression = suppression;
    this.#lateness = lateness;
    this.#out = context.output();
    const byEvent = suppression.kind === 'window' || suppression.by === 'event';
    this.#held = context.table<Held>('held', {
      clone: (held) => held,
      domain: byEvent ? 'event' : 'processing',
      onTimer: (cell) => this.#release(cell),
    });
    this.inputs = [{ record: (value, time, key) => this.#change(value as Change<unknown>, time, key!) }];
  }

  #change({ before, after }: Change<unknown>, time: number, key: KeyId): void {
    const cell = this.#held.find(key, undefined);
    if (cell !== undefined) {
      this.#held.set(cell, { before: cell.value.before, after, time });
      return;
    }
    const { watermark, processingTime } = this.#context.time;
    const rule = this.#suppression;
    const due =
      rule.kind === 'window' ? time + this.#lateness : rule.limit + (rule.by === 'event' ? time : processingTime);
    if (due <= (rule.kind === 'time' && rule.by === 'processing' ? processingTime : watermark)) {
      emitChange(this.#out, before, after, time, key);
      return;
    }
    this.#held.schedule(this.#held.create(key, undefined, { before, after, time }), due);
    if (rule.kind === 'time' && this.#held.size > rule.maxKeys) this.#makeRoom();
  }

  #release(cell: Cell<Held>): void {
    const { key, value } = cell;
    this.#held.remove(cell);
    emitChange(this.#out, value.before, value.after, value.time, key);
  }

  /** Lets the quarter that is due first out early. */
  #makeRoom(): void {
    const cells = [...this.#held.cells()].sort((a, b) => a.timer - b.timer || compareKeyIds(a.key, b.key));
    for (const cell of cells.slice(0, Math.ceil(cells.length / 4))) this.#release(cell);
  }
}

function mistakesIn(suppression: Suppression, lateness: number | undefined): Mistake[] {
  const mistakes: Mistake[] = [];
  if (suppression.kind === 'window') {
    if (lateness === undefined) {
      mistakes.push({
        rule: 'it waits for windows to close, and this is no table of windows',
        fix: 'make the table by .window(...).toTable(...), or use untilTimeLimit(...)',
      });
    }
    return mistakes;
  }
  const { limit, maxKeys } = suppression;
  if (!(Number.isFinite(limit) && limit >= 0)) {
    mistakes.push({ rule: `its time limit is ${limit} ms`, fix: 'give a span such as seconds(10)' });
  }
  if (!(maxKeys === Number.POSITIVE_INFINITY || (Number.isSafeInteger(maxKeys) && maxKeys >= 1))) {
    mistakes.push({ rule: `its maxKeys is ${maxKeys}`, fix: 'give a whole number from 1' });
  }
  return mistakes;
}
