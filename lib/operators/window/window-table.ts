import { type EventTime, type KeyId, MIN_TIME, MillraceError, type WallTime } from '../../model/index.ts';
import { type Cell, type CellTable, NEVER } from '../../state/index.ts';
import type { OperatorContext, TaskTime } from '../operator.ts';
import type { TriggerContext } from './trigger.ts';
import { clearedAt, GLOBAL_END, type WindowBounds, type WindowTime } from './window.ts';

/** A window of the general path. */
export interface HeldWindow {
  start: number;
  end: number;
  /** Records held since the last purge. */
  n: number;
  /** The latest event time among them; MIN_TIME over none. */
  latest: number;
  /** Their accumulator, where they are aggregated as they come and `n` is not 0. */
  acc: unknown;
  /** The trigger's. */
  state: unknown;
  /** When the trigger wants to be called, in the time the window runs by, ascending. */
  timers: number[];
}

/** Called when a trigger's timer is due, and when a window is to be cleared. */
export interface WindowEvents {
  due(cell: Cell<HeldWindow>, time: number, domain: WindowTime): void;
  clear(cell: Cell<HeldWindow>): void;
}

/**
 * The windows of the general path, each a cell (key, id) whose one timer is the next of its trigger's and its clearing; timers of the other time, which
 * few triggers set, are cells of a second table. Stands at one window at a time and is then the trigger's context.
 */
export class WindowTable implements TriggerContext<unknown> {
  readonly cells: CellTable<HeldWindow>;
  readonly windowTime: WindowTime;
  readonly #others: CellTable<number[]> | undefined;
  readonly #time: TaskTime;
  readonly #allowed: number;
  readonly #events: WindowEvents;
  #at: Cell<HeldWindow> | undefined;

  constructor(
    context: OperatorContext,
    options: {
      readonly windowTime: WindowTime;
      readonly allowed: number;
      readonly otherTimers: boolean;
      cloneAcc(acc: unknown): unknown;
    },
    events: WindowEvents,
  ) {
    const { windowTime, allowed, otherTimers, cloneAcc } = options;
    this.windowTime = windowTime;
    this.#time = context.time;
    this.#allowed = allowed;
    this.#events = events;
    this.cells = context.table<HeldWindow>('$windows', {
      clone: (held) => ({ ...held, acc: held.n === 0 ? undefined : cloneAcc(held.acc), timers: held.timers.slice() }),
      domain: windowTime,
      onTimer: (cell, time) => this.#onTimer(cell, time),
    });
    this.#others = otherTimers ? this.#otherTable(context) : undefined;
  }

  /** A new, empty window. */
  create(key: KeyId, id: number, start: number, end: number): Cell<HeldWindow> {
    const held = { start, end, n: 0, latest: MIN_TIME, acc: undefined, state: undefined, timers: [] };
    return this.cells.create(key, id, held);
  }

  /** Stands at a window that is about to change. */
  at(cell: Cell<HeldWindow>): TriggerContext<unknown> {
    this.cells.touch(cell);
    this.#at = cell;
    return this;
  }

  /** Sets the window's timer to what comes next. */
  reschedule(cell: Cell<HeldWindow>): void {
    const next = Math.min(cell.value.timers[0] ?? NEVER, this.#clearing(cell.value.end));
    if (next !== cell.timer) this.cells.schedule(cell, next);
  }

  /** Drops the trigger's timers of a window. */
  dropTimers(cell: Cell<HeldWindow>): void {
    this.cells.touch(cell);
    cell.value.timers = [];
    const other = this.#others?.find(cell.key, cell.sub);
    if (other !== undefined) this.#others!.remove(other);
  }

  /** Whether the window's trigger waits for a time. */
  waits(cell: Cell<HeldWindow>): boolean {
    return cell.value.timers.length > 0 || this.#others?.find(cell.key, cell.sub) !== undefined;
  }

  remove(cell: Cell<HeldWindow>): void {
    this.dropTimers(cell);
    this.cells.remove(cell);
  }

  get window(): WindowBounds {
    const { start, end } = this.#at!.value;
    return { start: start as EventTime, end: end as EventTime };
  }

  get watermark(): EventTime {
    return this.#time.watermark as EventTime;
  }

  get processingTime(): WallTime {
    return this.#time.processingTime as WallTime;
  }

  get state(): unknown {
    return this.#at!.value.state;
  }

  set state(state: unknown) {
    this.#at!.value.state = state;
  }

  atEventTime(time: number): void {
    this.#ask(time, 'event');
  }

  atProcessingTime(time: number): void {
    this.#ask(time, 'processing');
  }

  #ask(time: number, domain: WindowTime): void {
    if (!Number.isSafeInteger(time)) throw badTime(time);
    const cell = this.#at!;
    if (domain === this.windowTime) {
      insert(cell.value.timers, time);
      return;
    }
    const others = this.#others;
    if (others === undefined) throw unheard(domain);
    const other = others.find(cell.key, cell.sub) ?? others.create(cell.key, cell.sub, []);
    others.touch(other);
    insert(other.value, time);
    others.schedule(other, other.value[0]!);
  }

  #onTimer(cell: Cell<HeldWindow>, time: number): void {
    this.cells.touch(cell);
    if (cell.value.timers[0] !== undefined && cell.value.timers[0] <= time) {
      cell.value.timers.shift();
      this.#events.due(cell, time, this.windowTime);
    }
    if (this.cells.find(cell.key, cell.sub) !== cell) return;
    if (time >= this.#clearing(cell.value.end)) this.#events.clear(cell);
    else this.reschedule(cell);
  }

  #otherTable(context: OperatorContext): CellTable<number[]> {
    const domain = this.windowTime === 'event' ? 'processing' : 'event';
    const table = context.table<number[]>('$trigger-timers', {
      clone: (times) => times.slice(),
      domain,
      onTimer: (other, time) => {
        table.touch(other);
        other.value.shift();
        if (other.value.length === 0) table.remove(other);
        else table.schedule(other, other.value[0]!);
        const cell = this.cells.find(other.key, other.sub);
        if (cell === undefined) return;
        this.#events.due(cell, time, domain);
        if (this.cells.find(cell.key, cell.sub) === cell) this.reschedule(cell);
      },
    });
    return table;
  }

  /** When the window is cleared. By processing time, only when its last millisecond is over, as records of it may come until then. */
  #clearing(end: number): number {
    if (end === GLOBAL_END) return NEVER;
    return this.windowTime === 'event' ? clearedAt(end, this.#allowed) : end;
  }
}

function insert(times: number[], time: number): void {
  let at = times.length;
  while (at > 0 && times[at - 1]! > time) at--;
  if (at === 0 || times[at - 1] !== time) times.splice(at, 0, time);
}

function badTime(time: number): MillraceError {
  return new MillraceError('operator-failed', `a trigger asked for a time that is not whole milliseconds: ${time}`, {
    hint: 'round it, and check that it does not come from a missing value',
  });
}

function unheard(domain: WindowTime): MillraceError {
  const handler = domain === 'event' ? 'onEventTime' : 'onProcessingTime';
  return new MillraceError('operator-failed', `a trigger without ${handler} asked to be called`, {
    hint: `add ${handler}(time, ctx) to the trigger`,
  });
}
