import type { EventTime, WallTime } from '../../model/index.ts';
import type { Mistake } from '../definition.ts';
import { lastOf, type WindowBounds, type WindowTime } from './window.ts';

/** What a trigger wants of its window: to emit a result, to drop the records held so far, or both (the result first). */
export type TriggerDecision = 'continue' | 'fire' | 'purge' | 'fire-and-purge';

/** What a trigger knows of the window in hand. One object for all calls: it must not be kept. */
export interface TriggerContext<S> {
  readonly window: WindowBounds;
  /** The time the window runs by. */
  readonly windowTime: WindowTime;
  readonly watermark: EventTime;
  readonly processingTime: WallTime;
  /** The trigger's own state for this window, undefined at first. Plain data; assign a new value, never change it in place. */
  state: S | undefined;
  /** Asks for `onEventTime` when the watermark has reached `time`. Of one time there is one timer; purging keeps timers, clearing the window drops them. */
  atEventTime(time: number): void;
  /** Asks for `onProcessingTime` when processing time has reached `time`. */
  atProcessingTime(time: number): void;
}

/**
 * When a window emits. A trigger says all of it: one that never answers `fire` never emits, not even at the window's end. At the end plus the
 * allowed lateness the window is cleared whatever its trigger says.
 */
export interface Trigger<T = unknown, S = unknown> {
  /** For the plan's description. */
  readonly name: string;
  readonly options?: Readonly<Record<string, number | boolean>>;
  /** Which timers it sets, if it is known: only for windows' ends, or for other times of one clock besides. A trigger of one's own may set any. */
  readonly timers?: 'ends' | 'ends-and-event' | 'ends-and-processing';
  /** Functions of the author's in it, beside the handlers, that decide when it fires: what plans compare. */
  readonly functions?: readonly unknown[];
  /** A record was added to the window. */
  onRecord(record: T, time: EventTime, ctx: TriggerContext<S>): TriggerDecision;
  onEventTime?(time: EventTime, ctx: TriggerContext<S>): TriggerDecision;
  onProcessingTime?(time: WallTime, ctx: TriggerContext<S>): TriggerDecision;
  /**
   * Sessions were merged: their timers are gone, `states` holds their states, and `ctx` is that of the merged window, before the record
   * that merged them is added. Sets state and timers anew. Required for session windows.
   */
  onMerge?(states: readonly S[], ctx: TriggerContext<S>): void;
}

/** What ready-made triggers can be told. */
export interface TriggerOptions {
  /** Whether a result takes its records with it, so that the next tells only of those since. Default: false. */
  readonly purge?: boolean;
}

/** The default: a window emits at its end, and within the allowed lateness again after each late record. */
export function endOfWindow(options: TriggerOptions = {}): Trigger {
  const fire = options.purge === true ? 'fire-and-purge' : 'fire';
  return {
    name: 'endOfWindow',
    options: { purge: options.purge === true },
    timers: 'ends',
    onRecord: (_record, _time, ctx) => (awaitEnd(ctx) ? 'continue' : fire),
    onEventTime: (time, ctx) => (isEnd(time, 'event', ctx) ? fire : 'continue'),
    onProcessingTime: (time, ctx) => (isEnd(time, 'processing', ctx) ? fire : 'continue'),
    onMerge: (_states, ctx) => void awaitEnd(ctx),
  };
}

/** Emits after every `n` records as well as at the window's end. */
export function earlyByCount(n: number, options: TriggerOptions = {}): Trigger<unknown, number> {
  const end = endOfWindow(options);
  const fire = options.purge === true ? 'fire-and-purge' : 'fire';
  const add = (count: number, ctx: TriggerContext<number>): TriggerDecision => {
    ctx.state = count >= n ? undefined : count;
    return count >= n ? fire : 'continue';
  };
  return {
    ...end,
    name: 'earlyByCount',
    options: { n, purge: options.purge === true },
    onRecord(record, time, ctx) {
      const counted = add((ctx.state ?? 0) + 1, ctx);
      const atEnd = end.onRecord(record, time, ctx);
      return atEnd === 'continue' ? counted : atEnd;
    },
    onMerge(states, ctx) {
      ctx.state = states.reduce((sum, count) => sum + count, 0);
      awaitEnd(ctx);
    },
  };
}

/**
 * Emits when the watermark reaches the first multiple of the period after a record that no result has told of, or after the watermark if the record is behind it, as well as at the window's
 * end. A window to which nothing was added emits nothing, where Flink's ContinuousEventTimeTrigger emits the same again.
 */
export function earlyByEventTime(period: number, options: TriggerOptions = {}): Trigger<unknown, number> {
  const end = endOfWindow(options);
  const fire = options.purge === true ? 'fire-and-purge' : 'fire';
  return {
    ...end,
    name: 'earlyByEventTime',
    timers: 'ends-and-event',
    options: { period, purge: options.purge === true },
    onRecord(record, time, ctx) {
      const atEnd = end.onRecord(record, time, ctx);
      if (atEnd !== 'continue') {
        ctx.state = undefined;
        return atEnd;
      }
      const due = (Math.floor(Math.max(time, ctx.watermark) / period) + 1) * period;
      if (ctx.state === undefined || due < ctx.state) {
        ctx.state = due;
        ctx.atEventTime(due);
      }
      return 'continue';
    },
    onEventTime(time, ctx) {
      const due = (ctx.state !== undefined && time >= ctx.state) || isEnd(time, 'event', ctx);
      if (due) ctx.state = undefined;
      return due ? fire : 'continue';
    },
    onProcessingTime(time, ctx) {
      const atEnd = isEnd(time, 'processing', ctx);
      if (atEnd) ctx.state = undefined;
      return atEnd ? fire : 'continue';
    },
    onMerge(states, ctx) {
      awaitEnd(ctx);
      if (states.length === 0) return;
      ctx.state = Math.min(...states);
      ctx.atEventTime(ctx.state);
    },
  };
}

/**
 * Emits whenever so much processing time has gone by since the first record that no result has told of yet (at multiples of the period), as well as at the
 * window's end. A window to which nothing was added emits nothing.
 */
export function earlyByProcessingTime(period: number, options: TriggerOptions = {}): Trigger<unknown, number> {
  const end = endOfWindow(options);
  const fire = options.purge === true ? 'fire-and-purge' : 'fire';
  return {
    ...end,
    name: 'earlyByProcessingTime',
    timers: 'ends-and-processing',
    options: { period, purge: options.purge === true },
    onRecord(record, time, ctx) {
      const atEnd = end.onRecord(record, time, ctx);
      if (atEnd !== 'continue') {
        ctx.state = undefined;
      } else if (ctx.state === undefined) {
        ctx.state = (Math.floor(ctx.processingTime / period) + 1) * period;
        ctx.atProcessingTime(ctx.state);
      }
      return atEnd;
    },
    onEventTime(time, ctx) {
      const atEnd = isEnd(time, 'event', ctx);
      if (atEnd) ctx.state = undefined;
      return atEnd ? fire : 'continue';
    },
    onProcessingTime(time, ctx) {
      const due = (ctx.state !== undefined && time >= ctx.state) || isEnd(time, 'processing', ctx);
      if (due) ctx.state = undefined;
      return due ? fire : 'continue';
    },
    onMerge(states, ctx) {
      awaitEnd(ctx);
      if (states.length === 0) return;
      ctx.state = Math.min(...states);
      ctx.atProcessingTime(ctx.state);
    },
  };
}

/** Emits after every `n` records and at no other time, taking the records with it if so told. Count windows are this on a global window. */
export function everyCount(n: number, options: TriggerOptions = {}): Trigger<unknown, number> {
  return {
    name: 'everyCount',
    options: { n, purge: options.purge === true },
    onRecord(_record, _time, ctx) {
      const count = (ctx.state ?? 0) + 1;
      ctx.state = count >= n ? undefined : count;
      return count < n ? 'continue' : options.purge === true ? 'fire-and-purge' : 'fire';
    },
    onMerge(states, ctx) {
      ctx.state = states.reduce((sum, count) => sum + count, 0);
    },
  };
}

type StatelessContext = Omit<TriggerContext<unknown>, 'state'>;

/** When a window's end timer is due: processing time is at its end only when the last millisecond is over, as records of it may still come. */
function endTime(ctx: StatelessContext): number {
  return ctx.windowTime === 'event' ? lastOf(ctx.window.end) : ctx.window.end;
}

/** Sets the timer of the window's end; false if that is already over. */
function awaitEnd(ctx: StatelessContext): boolean {
  const at = endTime(ctx);
  if (ctx.windowTime === 'processing') {
    ctx.atProcessingTime(at);
    return true;
  }
  if (at <= ctx.watermark) return false;
  ctx.atEventTime(at);
  return true;
}

const isEnd = (time: number, domain: WindowTime, ctx: StatelessContext): boolean =>
  ctx.windowTime === domain && time === endTime(ctx);

/** What is wrong with a trigger. */
export function triggerMistakes(trigger: Trigger, merging: boolean): Mistake[] {
  const mistakes: Mistake[] = [];
  for (const [name, given] of Object.entries(trigger.options ?? {})) {
    if (['n', 'period', 'timeout'].includes(name) && !(Number.isSafeInteger(given) && Number(given) >= 1)) {
      const rule = `${trigger.name} needs a whole number of at least 1, not ${given}`;
      mistakes.push({ rule, fix: `give another ${name}` });
    }
    if (name === 'threshold' && !Number.isFinite(given)) {
      mistakes.push({ rule: `${trigger.name} needs a number as its threshold, not ${given}`, fix: 'give another' });
    }
  }
  if (merging && trigger.onMerge === undefined) {
    mistakes.push({
      rule: `the trigger "${trigger.name}" of session windows has no onMerge`,
      fix: 'add onMerge(states, ctx), which sets state and timers of merged windows',
    });
  }
  return mistakes;
}
