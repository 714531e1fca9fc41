import type { EventTime, WallTime } from '../../model/index.ts';
import type { Mistake } from '../definition.ts';
import type { WindowBounds } from './window.ts';

/** A record in a window, with its event time. */
export interface WindowElement<T> {
  readonly value: T;
  readonly time: EventTime;
}

/** What an evictor knows of the window that is about to emit. */
export interface EvictorContext {
  readonly window: WindowBounds;
  readonly watermark: EventTime;
  readonly processingTime: WallTime;
}

/**
 * Takes records out of a window when it emits. With an evictor a window holds its records one by one, also where it aggregates: the state grows with them.
 */
export interface Evictor<T = unknown> {
  /** For the plan's description. */
  readonly name: string;
  readonly options?: Readonly<Record<string, number>>;
  /** Functions of the author's in it, beside `keep`: what plans compare. */
  readonly functions?: readonly unknown[];
  /** Whether it takes them out before the result is made (the default), or after. */
  readonly when?: 'before' | 'after';
  /** Those to keep, in their order. `elements` are in order of arrival. */
  keep(elements: readonly WindowElement<T>[], ctx: EvictorContext): readonly WindowElement<T>[];
}

/** An evictor of such records, whatever is known of those that it returns. */
export type EvictorFor<T> = Omit<Evictor<T>, 'keep'> & {
  keep(elements: readonly WindowElement<T>[], ctx: EvictorContext): readonly WindowElement<unknown>[];
};

/** An evictor of any records. */
export type AnyEvictor = EvictorFor<never>;

/** What ready-made evictors can be told. */
export type EvictorOptions = Pick<Evictor, 'when'>;

/** Keeps the last `n` records by arrival. */
export function keepLast(n: number, options: EvictorOptions = {}): Evictor {
  return { name: 'keepLast', options: { n }, ...options, keep: (elements) => elements.slice(-n) };
}

/** Keeps the records whose event time is less than `duration` before the latest in the window. */
export function keepWithin(duration: number, options: EvictorOptions = {}): Evictor {
  return {
    name: 'keepWithin',
    options: { duration },
    ...options,
    keep(elements) {
      const cut = elements.reduce((latest, { time }) => Math.max(latest, time), Number.NEGATIVE_INFINITY) - duration;
      return elements.filter(({ time }) => time > cut);
    },
  };
}

/** What is wrong with an evictor. */
export function evictorMistakes(evictor: Evictor): Mistake[] {
  return Object.entries(evictor.options ?? {})
    .filter(
      ([name, given]) => !(name === 'threshold' ? Number.isFinite(given) : Number.isSafeInteger(given) && given >= 1),
    )
    .map(([name, given]) => ({
      rule: `${evictor.name} needs ${name === 'threshold' ? 'a number' : 'a whole number of at least 1'}, not ${given}`,
      fix: `give another ${name}`,
    }));
}
