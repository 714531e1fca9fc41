import { compareKeyIds, type KeyId, MillraceError } from '../../model/index.ts';
import { type Cell, type CellTable, sizeOfValue } from '../../state/index.ts';
import { definition, faulty, settings, unknownMistakes } from '../author-code.ts';
import type { Mistake, OperatorDefinition } from '../definition.ts';
import type { Operator, OperatorContext, Receiver } from '../operator.ts';
import type { WindowTime } from '../window/index.ts';
import { type Change, emitChange } from './change.ts';

/** How much a suppressed table may hold back in each task. */
export interface HeldLimits {
  /** How many keys. Default: no limit. */
  readonly maxKeys?: number;
  /** About how many bytes of keys and rows, those before and after each change, as they are stored. Default: no limit. */
  readonly maxBytes?: number;
}

/** What is done when there is more: let out early what is due first, or stop. */
export type WhenFull = 'emit-early' | 'stop';

/** When a suppressed table lets changes out. Made by `untilWindowCloses` and `untilTimeLimit`. */
export type Suppression =
  | ({ readonly kind: 'window' } & HeldLimits)
  | ({
      readonly kind: 'time';
      readonly limit: number;
      readonly by: 'event' | 'processing';
      readonly whenFull: WhenFull;
    } & HeldLimits);

/**
 * Only the final row of each window, once the watermark has passed its end and its allowed lateness. For tables of windows. A row let out early would not be final, so where there would be more to
 * hold back than the limits allow, the operator fails.
 */
export function untilWindowCloses(limits: HeldLimits = {}): Suppression {
  return { ...limits, kind: 'window' };
}

export interface TimeLimitOptions extends HeldLimits {
  /** `event` (default): from the time of the first change on, by the watermark. `processing`: from when it came, by the task's clock. */
  readonly by?: 'event' | 'processing';
  /** `emit-early` (default): those due first are let out, a quarter of all keys or until a quarter of the bytes is free. `stop`: the operator fails, and its restart strategy decides. */
  readonly whenFull?: WhenFull;
}

/** Of each key at most one change in this span: its latest, once the span since the first one held back is over. */
export function untilTimeLimit(limit: number, options: TimeLimitOptions = {}): Suppression {
  const { by = 'event', whenFull = 'emit-early', ...limits } = settings(options);
  return { ...limits, by, whenFull, kind: 'time', limit };
}

interface Held {
  readonly before: unknown;
  readonly after: unknown;
  readonly time: number;
  /** In bytes, about; 0 where nobody counts. */
  readonly size: number;
}

/** The state in which the bytes held back are counted, where they are limited. */
const BYTES = 'bytes';

/**
 * Holds changes of a table back, and lets out one for all that came meanwhile to a key: from what stood before the first to what stands after the last; none if that is
 * nothing. It has the event time of the last, as in Kafka Streams' KTableSuppressProcessor. `lateness` is how long after its end a window of the table still changes; undefined if it
 * is no table of windows. `time` is what its windows run by.
 */
export function suppressOperator(
  suppression: Suppression,
  lateness: number | undefined,
  time: WindowTime = 'event',
): OperatorDefinition {
  if (!['window', 'time'].includes(settings(suppression).kind)) return faulty('suppress', [NOTHING]);
  const byEvent = (suppression.kind === 'window' ? time : suppression.by) === 'event';
  return definition({
    type: 'suppress',
    needsKey: true,
    stateful: true,
    updates: true,
    eventTime: byEvent,
    processingTime: !byEvent,
    steps: byEvent ? 'every' : 'none',
    state: { held: 1, ...(suppression.maxBytes === undefined ? {} : { [BYTES]: 1 }) },
    options: {
      layout: byEvent ? 'event' : 'processing',
      ...(suppression.kind === 'window' ? { lateness: lateness ?? null } : {}),
      ...Object.fromEntries(Object.entries(suppression).filter(([, given]) => given !== Number.POSITIVE_INFINITY)),
    },
    mistakes: mistakesIn(suppression, lateness),
    code: { create: (context) => new Suppressing(context, suppression, byEvent, lateness ?? 0) },
  });
}

const HELD = ['kind', 'maxKeys', 'maxBytes'] as const;
/** The names of settings, by the kind of suppression. */
export const suppressionNames = { window: HELD, time: [...HELD, 'limit', 'by', 'whenFull'] } as const;

const NOTHING: Mistake = {
  rule: 'it is not said when it lets changes out',
  fix: 'give it untilWindowCloses() or untilTimeLimit(seconds(10))',
};

class Suppressing implements Operator {
  readonly inputs: readonly Receiver[];
  readonly #context: OperatorContext;
  readonly #suppression: Suppression;
  readonly #byEvent: boolean;
  readonly #lateness: number;
  readonly #out: Receiver;
  readonly #held;
  readonly #bytes: CellTable<number> | undefined;

  constructor(context: OperatorContext, suppression: Suppression, byEvent: boolean, lateness: number) {
    this.#context = context;
    this.#suppression = suppression;
    this.#byEvent = byEvent;
    this.#lateness = lateness;
    this.#out = context.output();
    this.#held = context.table<Held>('held', {
      clone: (held) => held,
      domain: byEvent ? 'event' : 'processing',
      onTimer: (cell) => this.#release(cell),
    });
    this.#bytes =
      suppression.maxBytes === undefined
        ? undefined
        : context.table<number>(BYTES, { clone: (bytes) => bytes, numbers: true, domain: 'none' });
    this.inputs = [{ record: (value, time, key) => this.#change(value as Change<unknown>, time, key!) }];
  }

  #change({ before, after }: Change<unknown>, time: number, key: KeyId): void {
    const cell = this.#held.find(key, undefined);
    if (cell !== undefined) {
      const held = this.#heldOf(key, cell.value.before, after, time);
      this.#count(held.size - cell.value.size);
      this.#held.set(cell, held);
      this.#keepWithin();
      return;
    }
    const due = this.#dueAt(time);
    const { watermark, processingTime } = this.#context.time;
    if (due <= (this.#byEvent ? watermark : processingTime)) {
      emitChange(this.#out, before, after, time, key);
      return;
    }
    const held = this.#heldOf(key, before, after, time);
    this.#count(held.size);
    this.#held.schedule(this.#held.create(key, undefined, held), due);
    this.#keepWithin();
  }

  /** When a change is let out. A window by processing time is over only when its last millisecond, the time of its rows, has gone by. */
  #dueAt(time: number): number {
    const rule = this.#suppression;
    if (rule.kind === 'window') return this.#byEvent ? time + this.#lateness : time + 1;
    return rule.limit + (this.#byEvent ? time : this.#context.time.processingTime);
  }

  #heldOf(key: KeyId, before: unknown, after: unknown, time: number): Held {
    const { maxBytes } = this.#suppression;
    if (maxBytes === undefined) return { before, after, time, size: 0 };
    const size = sizeOfValue(key) + sizeOfValue(before) + sizeOfValue(after);
    return { before, after, time, size: Math.min(size, maxBytes + 1) };
  }

  #release(cell: Cell<Held>): void {
    const { key, value } = cell;
    this.#held.remove(cell);
    this.#count(-value.size);
    emitChange(this.#out, value.before, value.after, value.time, key);
  }

  #count(bytes: number): void {
    const table = this.#bytes;
    if (table === undefined || bytes === 0) return;
    const total = table.find(TOTAL, undefined);
    if (total === undefined) table.create(TOTAL, undefined, bytes);
    else if (total.value + bytes === 0) table.remove(total);
    else table.set(total, total.value + bytes);
  }

  #total(): number {
    return this.#bytes?.find(TOTAL, undefined)?.value ?? 0;
  }

  #keepWithin(): void {
    const { maxKeys = Number.POSITIVE_INFINITY, maxBytes = Number.POSITIVE_INFINITY } = this.#suppression;
    const { size } = this.#held;
    if (size <= maxKeys && this.#total() <= maxBytes) return;
    if (this.#suppression.kind === 'window' || this.#suppression.whenFull === 'stop') {
      throw full(size, this.#total(), this.#suppression);
    }
    const cells = [...this.#held.cells()].sort((a, b) => a.timer - b.timer || compareKeyIds(a.key, b.key));
    const few = size > maxKeys ? size - Math.ceil(size / 4) : size;
    const light = this.#total() > maxBytes ? maxBytes * 0.75 : maxBytes;
    for (const cell of cells) {
      if (this.#held.size <= few && this.#total() <= light) return;
      this.#release(cell);
    }
  }
}

/** The key under which a task counts the bytes of all keys. */
const TOTAL = '';

function full(keys: number, bytes: number, { maxKeys, maxBytes }: HeldLimits): MillraceError {
  const counts = [
    ...(maxKeys === undefined ? [] : [`${keys} keys of ${maxKeys}`]),
    ...(maxBytes === undefined ? [] : [`${bytes} bytes of ${maxBytes}`]),
  ];
  return new MillraceError('operator-failed', `more would be held back than may be: ${counts.join(', ')}`, {
    hint: "raise maxKeys or maxBytes, shorten the time or the windows, or let changes out early: untilTimeLimit(..., { whenFull: 'emit-early' })",
  });
}

function mistakesIn(suppression: Suppression, lateness: number | undefined): Mistake[] {
  const mistakes = unknownMistakes(suppression, suppressionNames[suppression.kind]);
  if (suppression.kind === 'window' && lateness === undefined) {
    mistakes.push({
      rule: 'it waits for windows to close, and this is no table of windows',
      fix: 'make the table by .window(...).toTable(...), or use untilTimeLimit(...)',
    });
  }
  if (suppression.kind === 'time' && !(Number.isFinite(suppression.limit) && suppression.limit >= 0)) {
    mistakes.push({ rule: `its time limit is ${suppression.limit} ms`, fix: 'give a span such as seconds(10)' });
  }
  if (suppression.kind === 'time') {
    const { by, whenFull } = suppression;
    if (by !== 'event' && by !== 'processing') {
      mistakes.push({ rule: `it goes by '${String(by)}'`, fix: "use 'event' or 'processing'" });
    }
    if (whenFull !== 'emit-early' && whenFull !== 'stop') {
      mistakes.push({ rule: `its whenFull is '${String(whenFull)}'`, fix: "use 'emit-early' or 'stop'" });
    }
  }
  for (const name of ['maxKeys', 'maxBytes'] as const) {
    const limit = suppression[name];
    if (limit === undefined || limit === Number.POSITIVE_INFINITY || (Number.isSafeInteger(limit) && limit >= 1))
      continue;
    mistakes.push({ rule: `its ${name} is ${limit}`, fix: 'give a whole number from 1' });
  }
  return mistakes;
}
