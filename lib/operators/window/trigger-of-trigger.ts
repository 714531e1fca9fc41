/** Triggers made of triggers. */
import type { EventTime, WallTime } from '../../model/index.ts';
import { settings } from '../author-code.ts';
import type { Trigger, TriggerContext, TriggerDecision } from './trigger.ts';
import type { WindowBounds, WindowTime } from './window.ts';

/** The same trigger, but every result takes its records with it: Flink's PurgingTrigger. The trigger's own state stays, as do its timers. */
export function purging<T, S>(given: Trigger<T, S>): Trigger<T, S> {
  const trigger = settings(given);
  const purged = (decision: TriggerDecision): TriggerDecision => (decision === 'fire' ? 'fire-and-purge' : decision);
  const { onEventTime, onProcessingTime } = trigger;
  return {
    ...trigger,
    name: `purging(${trigger.name})`,
    options: { ...trigger.options, purge: true },
    ...of(trigger),
    onRecord: (record, time, ctx) => purged(trigger.onRecord(record, time, ctx)),
    ...(onEventTime === undefined ? {} : { onEventTime: (time, ctx) => purged(onEventTime(time, ctx)) }),
    ...(onProcessingTime === undefined ? {} : { onProcessingTime: (time, ctx) => purged(onProcessingTime(time, ctx)) }),
  };
}

/** How a window waits at most. */
export interface TimeoutOptions {
  /** Whether each record that does not emit begins the timeout anew. Default: false, it runs from the first record since the last result. */
  readonly restart?: boolean;
  /** Whether the inner trigger keeps its state when the timeout emits. Default: false, it begins anew. Its timers stay. */
  readonly keepState?: boolean;
}

/** What is remembered of a window: what the inner trigger does, and when the timeout is over. */
interface Waiting<S> {
  readonly inner: S | undefined;
  readonly due: number | undefined;
}

/**
 * As the inner trigger, and when so much processing time has gone by since the first record without a result, then as well: Flink's ProcessingTimeoutTrigger. If the inner one purges, so does the
 * timeout.
 */
export function processingTimeout<T, S>(
  given: Trigger<T, S>,
  timeout: number,
  options?: TimeoutOptions,
): Trigger<T, Waiting<S>> {
  const trigger = settings(given);
  const { restart = false, keepState = false } = settings(options);
  const { onEventTime, onMerge } = trigger;
  const fire = trigger.options?.['purge'] === true ? 'fire-and-purge' : 'fire';
  const inside = new InnerContext<S>();
  const settle = (decision: TriggerDecision, ctx: TriggerContext<Waiting<S>>): TriggerDecision => {
    if (decision === 'fire' || decision === 'fire-and-purge') ctx.state = undefined;
    return decision;
  };
  return {
    name: `processingTimeout(${trigger.name})`,
    options: { ...trigger.options, timeout, restart, keepState },
    ...of(trigger),
    ...(trigger.timers === 'ends' || trigger.timers === 'ends-and-processing' ? { timers: 'ends-and-processing' } : {}),
    onRecord(record, time, ctx) {
      const decision = settle(trigger.onRecord(record, time, inside.of(ctx)), ctx);
      if (decision === 'fire' || decision === 'fire-and-purge') return decision;
      const due = ctx.state?.due;
      if (due !== undefined && !restart) return decision;
      const next = ctx.processingTime + timeout;
      ctx.state = { inner: ctx.state?.inner, due: next };
      ctx.atProcessingTime(next);
      return decision;
    },
    ...(onEventTime === undefined
      ? {}
      : { onEventTime: (time, ctx) => settle(onEventTime(time, inside.of(ctx)), ctx) }),
    onProcessingTime(time, ctx) {
      const decision = settle(trigger.onProcessingTime?.(time, inside.of(ctx)) ?? 'continue', ctx);
      const waiting = ctx.state;
      if (waiting?.due !== time) return decision;
      ctx.state = keepState ? stateOf({ inner: waiting.inner, due: undefined }) : undefined;
      return decision === 'purge' ? 'fire-and-purge' : fire;
    },
    ...(onMerge === undefined
      ? {}
      : {
          onMerge(states, ctx) {
            const dues = states.map(({ due }) => due).filter((due) => due !== undefined);
            const inner = states.map((state) => state.inner).filter((state) => state !== undefined);
            onMerge(inner, inside.of(ctx));
            if (dues.length === 0) return;
            const due = Math.min(...dues);
            ctx.state = { inner: ctx.state?.inner, due };
            ctx.atProcessingTime(due);
          },
        }),
  };
}

/** What is the author's in an inner trigger. */
const of = ({ onRecord, onEventTime, onProcessingTime, onMerge, functions = [] }: Trigger<never, never>) => ({
  functions: [onRecord, ...[onEventTime, onProcessingTime, onMerge].filter((each) => each !== undefined), ...functions],
});

const stateOf = <S>(waiting: Waiting<S>): Waiting<S> | undefined =>
  waiting.inner === undefined && waiting.due === undefined ? undefined : waiting;

/** The context of the inner trigger: that of the outer, but for the state. */
class InnerContext<S> implements TriggerContext<S> {
  #outer: TriggerContext<Waiting<S>> | undefined;

  of(outer: TriggerContext<Waiting<S>>): this {
    this.#outer = outer;
    return this;
  }

  get window(): WindowBounds {
    return this.#outer!.window;
  }

  get windowTime(): WindowTime {
    return this.#outer!.windowTime;
  }

  get watermark(): EventTime {
    return this.#outer!.watermark;
  }

  get processingTime(): WallTime {
    return this.#outer!.processingTime;
  }

  get state(): S | undefined {
    return this.#outer!.state?.inner;
  }

  set state(inner: S | undefined) {
    const outer = this.#outer!;
    outer.state = stateOf({ inner, due: outer.state?.due });
  }

  atEventTime(time: number): void {
    this.#outer!.atEventTime(time);
  }

  atProcessingTime(time: number): void {
    this.#outer!.atProcessingTime(time);
  }
}
