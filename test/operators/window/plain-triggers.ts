/** The ready-made triggers and evictors by what their documentation says, over a plain account of which records were told. */
import type { Trigger, TriggerContext, TriggerDecision, WindowElement } from '../../../lib/operators/index.ts';
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

/** Emits at the first multiple of the period, by the watermark, after a record that was not told of, and at the end. */
export function plainEventPeriod(period: number, purge: boolean): Trigger<Rec, unknown> {
  const atEnd = plainTriggerOf({ atEnd: true, purge });
  const duesOf = (ctx: Context): readonly number[] => (ctx.state as readonly number[] | undefined) ?? [];
  const fire = purge ? 'fire-and-purge' : 'fire';
  const ended = (ctx: Context, run: (inner: Context) => ReturnType<typeof atEnd.onRecord> | undefined) => {
    const decision = run(apart(ctx, undefined, () => {})) ?? 'continue';
    if (decision !== 'continue') ctx.state = undefined;
    return decision;
  };
  return {
    name: 'plain',
    onRecord(record, time, ctx) {
      const decision = ended(ctx, (inner) => atEnd.onRecord(record, time, inner));
      if (decision !== 'continue') return decision;
      let due = Math.max(time, ctx.watermark) + 1;
      while (due % period !== 0) due++;
      ctx.state = [...duesOf(ctx), due];
      ctx.atEventTime(due);
      return 'continue';
    },
    onEventTime(time, ctx) {
      const isDue = duesOf(ctx).some((due) => due <= time);
      const decision = ended(ctx, (inner) => atEnd.onEventTime?.(time, inner));
      if (decision !== 'continue' || !isDue) return decision;
      ctx.state = undefined;
      return fire;
    },
    onProcessingTime: (time, ctx) => ended(ctx, (inner) => atEnd.onProcessingTime?.(time, inner)),
    onMerge(states, ctx) {
      atEnd.onMerge?.(
        [],
        apart(ctx, undefined, () => {}),
      );
      const dues = states.flatMap((state) => state as readonly number[]);
      if (dues.length === 0) return;
      ctx.state = dues;
      for (const due of dues) ctx.atEventTime(due);
    },
  };
}

/** The context with a state apart. */
function apart(ctx: Context, state: unknown, changed: (state: unknown) => void): Context {
  let held = state;
  return {
    ...{ window: ctx.window, windowTime: ctx.windowTime, watermark: ctx.watermark, processingTime: ctx.processingTime },
    get state() {
      return held;
    },
    set state(next) {
      held = next;
      changed(next);
    },
    atEventTime: (time) => ctx.atEventTime(time),
    atProcessingTime: (time) => ctx.atProcessingTime(time),
  };
}

/** As an inner trigger, and so long after the first record (or with `restart` the last) since it emitted. */
export function plainTimeout(
  inner: Trigger<Rec, unknown>,
  timeout: number,
  { restart, keepState, purge }: { readonly restart: boolean; readonly keepState: boolean; readonly purge: boolean },
): Trigger<Rec, unknown> {
  interface State {
    readonly own: unknown;
    readonly since: number | undefined;
  }
  const stateOf = (ctx: Context): State => (ctx.state as State | undefined) ?? { own: undefined, since: undefined };
  const put = (ctx: Context, { own, since }: State): void => {
    ctx.state = own === undefined && since === undefined ? undefined : { own, since };
  };
  const asked = (ctx: Context, ask: (ctx: Context) => TriggerDecision | undefined): TriggerDecision => {
    const within = apart(ctx, stateOf(ctx).own, (own) => put(ctx, { own, since: stateOf(ctx).since }));
    const decision = ask(within) ?? 'continue';
    if (decision.startsWith('fire')) ctx.state = undefined;
    return decision;
  };
  return {
    name: 'plain',
    onRecord(record, time, ctx) {
      const decision = asked(ctx, (within) => inner.onRecord(record, time, within));
      if (decision.startsWith('fire')) return decision;
      const { own, since } = stateOf(ctx);
      if (since !== undefined && !restart) return decision;
      put(ctx, { own, since: ctx.processingTime });
      ctx.atProcessingTime(ctx.processingTime + timeout);
      return decision;
    },
    onEventTime: (time, ctx) => asked(ctx, (within) => inner.onEventTime?.(time, within)),
    onProcessingTime(time, ctx) {
      const decision = asked(ctx, (within) => inner.onProcessingTime?.(time, within));
      const { own, since } = stateOf(ctx);
      if (since === undefined || since + timeout !== time) return decision;
      put(ctx, { own: keepState ? own : undefined, since: undefined });
      return purge || decision === 'purge' ? 'fire-and-purge' : 'fire';
    },
    onMerge(states, ctx) {
      const all = states as readonly State[];
      const owns = all.map(({ own }) => own).filter((own) => own !== undefined);
      const sinces = all.map(({ since }) => since).filter((since) => since !== undefined);
      asked(ctx, (within) => inner.onMerge?.(owns, within) as undefined);
      if (sinces.length === 0) return;
      const since = Math.min(...sinces);
      put(ctx, { own: stateOf(ctx).own, since });
      ctx.atProcessingTime(since + timeout);
    },
  };
}

/** Emits at a record more than so much larger than the one that emitted last, beginning with the first. */
export function plainDelta(threshold: number, purge: boolean): Trigger<Rec, unknown> {
  return {
    name: 'plain',
    onRecord({ v }, _time, ctx) {
      const last = ctx.state as number | undefined;
      if (last === undefined || distance(last, v) > threshold) ctx.state = v;
      if (last === undefined || distance(last, v) <= threshold) return 'continue';
      return purge ? 'fire-and-purge' : 'fire';
    },
  };
}

/** How far two values are apart, of which the later may be smaller too. */
export const distance = (a: number, b: number): number => ((b * 7) % 23) - ((a * 7) % 23);

type Held = readonly WindowElement<Rec>[];

/** Those less than so far from the last by arrival. */
export const plainNear =
  (threshold: number) =>
  (held: Held): Held =>
    held.filter(({ value }) => distance(value.v, held[held.length - 1]!.value.v) < threshold);

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
