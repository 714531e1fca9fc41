import { type EventTime, type KeyId, MIN_TIME, type WallTime } from '../../model/index.ts';
import { type Cell, compareSubs } from '../../state/index.ts';
import type { Aggregator } from '../aggregate/index.ts';
import { ChunkedList, WindowSubs } from '../keyed/index.ts';
import type { Operator, OperatorContext, Receiver, TaskTime } from '../operator.ts';
import type { Sliding, WindowAssigner } from './assigner.ts';
import type { Emission } from './emission.ts';
import type { Evictor, WindowElement } from './evictor.ts';
import { fixedWindows } from './fixed-windows.ts';
import type { Lateness } from './lateness.ts';
import { checkedGap } from './session-path.ts';
import type { Trigger, TriggerDecision } from './trigger.ts';
import { clearedAt, GLOBAL_END, GLOBAL_START, lastOf, type WindowTime } from './window.ts';
import { type HeldWindow, WindowTable } from './window-table.ts';

/** Everything of which windows are made. */
export interface GeneralOptions {
  readonly assigner: Exclude<WindowAssigner, Sliding>;
  readonly windowTime: WindowTime;
  readonly trigger: Trigger;
  /** Whether the trigger sets timers of the time that its windows do not run by. */
  readonly otherTimers: boolean;
  readonly evictor: Evictor | undefined;
  /** Without one, a result is the list of the records. */
  readonly aggregator: Aggregator<unknown, unknown, unknown> | undefined;
}

/**
 * Windows of any assigner but `sliding` with any trigger, and with records held one by one where an evictor or the lack of an aggregation asks for it. Follows
 * Flink's WindowOperator, EvictingWindowOperator and MergingWindowSet step by step.
 */
export function generalPath(
  context: OperatorContext,
  options: GeneralOptions,
  late: Lateness,
  emission: Emission,
): Operator {
  return new GeneralPath(context, options, late, emission);
}

type Window = Cell<HeldWindow>;

class GeneralPath implements Operator {
  readonly inputs: readonly Receiver[];
  readonly #time: TaskTime;
  readonly #options: GeneralOptions;
  readonly #late: Lateness;
  readonly #emission: Emission;
  readonly #windows: WindowTable;
  /** The aggregator of windows that fold records as they come. */
  readonly #folding: Aggregator<unknown, unknown, unknown> | undefined;
  readonly #elements: ChunkedList<unknown> | undefined;
  readonly #subs = new WindowSubs();

  constructor(context: OperatorContext, options: GeneralOptions, late: Lateness, emission: Emission) {
    const { assigner, windowTime, otherTimers, evictor, aggregator } = options;
    this.#options = options;
    this.#late = late;
    this.#emission = emission;
    this.#time = context.time;
    this.#folding = evictor === undefined ? aggregator : undefined;
    this.#elements =
      this.#folding === undefined ? new ChunkedList(context, '$elements', this.#subs, { domain: 'none' }) : undefined;
    this.#windows = new WindowTable(
      context,
      {
        windowTime,
        allowed: late.allowed,
        otherTimers,
        cloneAcc: (acc) => (this.#folding === undefined ? undefined : this.#folding.clone(acc)),
      },
      { due: (cell, time, domain) => this.#due(cell, time, domain), clear: (cell) => this.#clear(cell) },
    );
    const timeOf = (time: number): number => (windowTime === 'event' ? time : context.time.processingTime);
    if (assigner.kind === 'session') {
      const { gap } = assigner;
      const gapOf = typeof gap === 'number' ? () => gap : (value: unknown) => checkedGap(gap(value));
      this.inputs = [
        { record: (value, time, key) => this.#addToSession(key as KeyId, timeOf(time), gapOf(value), value, time) },
      ];
    } else if (assigner.kind === 'count' || assigner.kind === 'global') {
      this.inputs = [
        { record: (value, time, key) => void this.#addTo(key as KeyId, 0, GLOBAL_START, GLOBAL_END, value, time) },
      ];
    } else {
      const each = fixedWindows(assigner);
      this.inputs = [
        {
          record: (value, time, key) => {
            let windows = 0;
            let added = 0;
            let over = false;
            each(timeOf(time), (start, end) => {
              windows++;
              if (!this.#addTo(key as KeyId, end, start, end, value, time)) return;
              added++;
              over ||= this.#isOver(end);
            });
            if (windows === 0) context.count('unwindowed', 1);
            else if (added === 0) late.late(value, time, key);
            else if (over) late.refired();
          },
        },
      ];
    }
  }

  /** Adds a record to a window, unless it is too late for it. */
  #addTo(key: KeyId, id: number, start: number, end: number, value: unknown, time: number): boolean {
    if (this.#isCleared(end)) return false;
    const found = this.#windows.cells.find(key, id);
    this.#add(found ?? this.#windows.create(key, id, start, end), value, time);
    return true;
  }

  #addToSession(key: KeyId, at: number, gap: number, value: unknown, time: number): void {
    const touching = this.#touching(key, at, at + gap);
    let session = touching[0];
    if (session === undefined) {
      if (this.#isCleared(at + gap)) {
        this.#late.late(value, time, key);
        return;
      }
      session = this.#windows.create(key, at, at, at + gap);
    } else {
      this.#merge(session, touching, at, at + gap);
    }
    if (this.#isOver(session.value.end)) this.#late.refired();
    this.#add(session, value, time);
  }

  /** The sessions of a key that a record's span overlaps or touches, in the order of their subs. */
  #touching(key: KeyId, from: number, to: number): Window[] {
    const touching: Window[] = [];
    this.#windows.cells.eachOf(key, (cell) => {
      const { start, end } = cell.value;
      if (start <= to && end >= from) touching.push(cell);
    });
    return touching.sort(compareSubs);
  }

  /** Merges sessions into the first of them, and extends it to a record's span. */
  #merge(session: Window, sessions: readonly Window[], from: number, to: number): void {
    const start = Math.min(from, ...sessions.map((cell) => cell.value.start));
    const end = Math.max(to, ...sessions.map((cell) => cell.value.end));
    if (sessions.length === 1 && start === session.value.start && end === session.value.end) return;
    const states = sessions.map((cell) => cell.value.state).filter((state) => state !== undefined);
    for (const other of sessions) {
      this.#emission.merged(other.key, other.value.start, other.value.end);
      this.#windows.dropTimers(other);
      if (other === session) continue;
      this.#mergeContents(session, other);
      this.#windows.remove(other);
    }
    const held = session.value;
    held.start = start;
    held.end = end;
    held.state = undefined;
    this.#options.trigger.onMerge?.(states, this.#windows.at(session));
  }

  #mergeContents(session: Window, other: Window): void {
    const held = session.value;
    const { n, latest, acc } = other.value;
    if (n === 0) return;
    if (this.#folding !== undefined) held.acc = held.n === 0 ? acc : this.#folding.merge(held.acc, acc);
    else {
      const elements = this.#elementsOf(other);
      this.#setElements(other, []);
      this.#subs.window = session.sub as number;
      for (const { value, time } of elements) this.#elements!.append(session.key, value, time);
    }
    held.n += n;
    held.latest = Math.max(held.latest, latest);
  }

  #add(cell: Window, value: unknown, time: number): void {
    const context = this.#windows.at(cell);
    const held = cell.value;
    if (this.#folding !== undefined) {
      held.acc = this.#folding.add(held.n === 0 ? this.#folding.create() : held.acc, value, time);
    } else {
      this.#subs.window = cell.sub as number;
      this.#elements!.append(cell.key, value, time);
    }
    held.n++;
    held.latest = Math.max(held.latest, time);
    if (this.#decide(cell, this.#options.trigger.onRecord(value, time as EventTime, context))) {
      this.#windows.reschedule(cell);
    }
  }

  #due(cell: Window, time: number, domain: WindowTime): void {
    const { trigger } = this.#options;
    const context = this.#windows.at(cell);
    const decision =
      domain === 'event'
        ? trigger.onEventTime?.(time as EventTime, context)
        : trigger.onProcessingTime?.(time as WallTime, context);
    this.#decide(cell, decision ?? 'continue');
  }

  /** Does what the trigger decided. Returns whether the window is still there. */
  #decide(cell: Window, decision: TriggerDecision): boolean {
    if (decision === 'continue') return true;
    if (decision !== 'purge') this.#fire(cell);
    if (decision === 'fire') return true;
    this.#purge(cell);
    const done = cell.value.end === GLOBAL_END && cell.value.state === undefined && !this.#windows.waits(cell);
    if (done) this.#clear(cell);
    return !done;
  }

  #fire(cell: Window): void {
    const held = cell.value;
    if (held.n === 0) return;
    const { aggregator, evictor } = this.#options;
    if (this.#folding !== undefined) {
      this.#emit(cell, held.latest, this.#folding.result(held.acc));
      return;
    }
    let elements = this.#elementsOf(cell);
    if (evictor !== undefined && evictor.when !== 'after') elements = this.#evict(cell, evictor, elements);
    if (elements.length === 0) return;
    const latest = elements.reduce((max, { time }) => Math.max(max, time), MIN_TIME as number);
    const input = aggregator === undefined ? elements.map(({ value }) => value) : folded(aggregator, elements);
    this.#emit(cell, latest, input);
    if (evictor?.when === 'after') this.#evict(cell, evictor, elements);
  }

  #evict(
    cell: Window,
    evictor: Evictor,
    elements: readonly WindowElement<unknown>[],
  ): readonly WindowElement<unknown>[] {
    const { window, watermark, processingTime } = this.#windows.at(cell);
    const kept = evictor.keep(elements, { window, watermark, processingTime });
    if (kept.length !== elements.length) {
      this.#setElements(cell, kept);
      cell.value.n = kept.length;
    }
    return kept;
  }

  #emit(cell: Window, latest: number, input: unknown): void {
    const { start, end } = cell.value;
    const at = end === GLOBAL_END ? latest : lastOf(end);
    this.#emission.emit(cell.key, cell.sub as number, start, end, at, input);
  }

  #purge(cell: Window): void {
    const held = cell.value;
    held.n = 0;
    held.latest = MIN_TIME;
    held.acc = undefined;
    if (this.#elements !== undefined) this.#setElements(cell, []);
  }

  #clear(cell: Window): void {
    if (this.#elements !== undefined) this.#setElements(cell, []);
    this.#emission.cleared(cell.key, cell.sub as number);
    this.#windows.remove(cell);
  }

  #elementsOf(cell: Window): readonly WindowElement<unknown>[] {
    const elements: WindowElement<unknown>[] = [];
    this.#subs.window = cell.sub as number;
    this.#elements!.each(cell.key, (value, time) => elements.push({ value, time: time as EventTime }));
    return elements;
  }

  #setElements(cell: Window, elements: readonly WindowElement<unknown>[]): void {
    this.#subs.window = cell.sub as number;
    this.#elements!.clear(cell.key);
    for (const { value, time } of elements) this.#elements!.append(cell.key, value, time);
  }

  /** Whether the window has ended, so that a record for it comes late though perhaps not too late. */
  #isOver(end: number): boolean {
    return this.#options.windowTime === 'event' && lastOf(end) <= this.#time.watermark;
  }

  #isCleared(end: number): boolean {
    return this.#options.windowTime === 'event' && clearedAt(end, this.#late.allowed) <= this.#time.watermark;
  }
}

function folded(
  aggregator: Aggregator<unknown, unknown, unknown>,
  elements: readonly WindowElement<unknown>[],
): unknown {
  let acc = aggregator.create();
  for (const { value, time } of elements) acc = aggregator.add(acc, value, time);
  return aggregator.result(acc);
}
