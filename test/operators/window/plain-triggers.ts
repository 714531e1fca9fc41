/** The ready-made triggers and evictors by what their documentation says, over a plain account of which records were told. */
import type { Trigger, TriggerContext, WindowElement } from '../../../lib/operators/index.ts';
import type { Rec } from './reference.ts';

/** What a plain trigger remembers of a window. */
interface Account {
  /** Records since the last result that came of counting. */
  readonly counted: number;
  /** When the first record came, by processing time, that no result has told of. */
  readonly waitingSince: number | undefined;
}

export interface PlainRules {
  /** Emits at the window's end, and after it at each late record. */
  readonly atEnd: boolean;
  /** Emits after so many records. */
  readonly every?: number;
  /** Emits at the first multiple of this after the first record not told of. */
  readonly period?: number;
  readonly purge: boolean;
}

type Context = TriggerContext<unknown>;

const accountOf = (state: unknown): Account =>
  (state as Account | undefined) ?? { counted: 0, waitingSince: undefined };

/** A trigger by rules. */
export function plainTriggerOf({ atEnd, every, period, purge }: PlainRules): Trigger<Rec, unknown> {
  const fire = purge ? 'fire-and-purge' : 'fire';
  const endOf = ({ window, windowTime }: Context): number => {
    if (windowTime === 'processing') return window.end;
    return window.end === Number.MAX_SAFE_INTEGER ? window.end : window.end - 1;
  };
  const dueAt = (since: number): number => {
    let due = since + 1;
    while (due % period! !== 0) due++;
    return due;
  };
  const isOver = (ctx: Context): boolean => ctx.windowTime === 'event' && endOf(ctx) <= ctx.watermark;
  const await_ = (ctx: Context): void => {
    if (!atEnd || isOver(ctx)) return;
    if (ctx.windowTime === 'event') ctx.atEventTime(endOf(ctx));
    else ctx.atProcessingTime(endOf(ctx));
  };
  const remember = (ctx: Context, counted: number, waitingSince: number | undefined): void => {
    ctx.state = counted === 0 && waitingSince === undefined ? undefined : { counted, waitingSince };
  };
  const told = (ctx: Context): typeof fire => {
    remember(ctx, accountOf(ctx.state).counted, undefined);
    return fire;
  };
  return {
    name: 'plain',
    onRecord(_record, _time, ctx) {
      const before = accountOf(ctx.state);
      await_(ctx);
      const counted = before.counted + 1;
      const full = every !== undefined && counted >= every;
      const waitingSince = period === undefined ? undefined : (before.waitingSince ?? (ctx.processingTime as number));
      remember(ctx, full || every === undefined ? 0 : counted, waitingSince);
      if (waitingSince !== undefined) ctx.atProcessingTime(dueAt(waitingSince));
      return full || (atEnd && isOver(ctx)) ? told(ctx) : 'continue';
    },
    onEventTime: (time, ctx) => (atEnd && ctx.windowTime === 'event' && time === endOf(ctx) ? told(ctx) : 'continue'),
    onProcessingTime(time, ctx) {
      const { waitingSince } = accountOf(ctx.state);
      const isDue = waitingSince !== undefined && dueAt(waitingSince) <= time;
      const isEnd = atEnd && ctx.windowTime === 'processing' && time === endOf(ctx);
      return isDue || isEnd ? told(ctx) : 'continue';
    },
    onMerge(states, ctx) {
      const accounts = states.map(accountOf);
      const since = accounts.map(({ waitingSince }) => waitingSince).filter((at) => at !== undefined);
      const counted = accounts.reduce((sum, account) => sum + account.counted, 0);
      const waitingSince = since.length === 0 ? undefined : Math.min(...since);
      remember(ctx, counted, waitingSince);
      await_(ctx);
      if (waitingSince !== undefined) ctx.atProcessingTime(dueAt(waitingSince));
    },
  };
}

type Held = readonly WindowElement<Rec>[];

/** The last so many by arrival. */
export const plainLast =
  (n: number) =>
  (held: Held): Held =>
    held.filter((_, i) => held.length - i <= n);

/** Those less than a span before the latest. */
export const plainWithin =
  (span: number) =>
  (held: Held): Held =>
    held.filter(({ time }) => held.every((other) => other.time - time < span));
