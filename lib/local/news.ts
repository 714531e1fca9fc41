import type { MillraceError } from '../model/index.ts';
import type { Habits } from './habits.ts';

/** Offsets of a partition: from `first` up to, not including, `next`. */
export interface Stretch {
  readonly partition: number;
  readonly first: number;
  readonly next: number;
}

/** What happens at one mapping. */
export type Happening =
  | { readonly kind: 'polling'; readonly topic: string; readonly partitions: number }
  /** A delivery succeeded, after so many milliseconds and attempts. */
  | {
      readonly kind: 'delivered';
      readonly stretches: readonly Stretch[];
      readonly records: number;
      readonly bytes: number;
      readonly took: number;
      readonly attempts: number;
    }
  /** The function failed, or was not started: the whole delivery is made again. */
  | { readonly kind: 'failed' | 'throttled'; readonly message: string; readonly attempts: number }
  | { readonly kind: 'habit'; readonly habit: keyof Habits }
  /** A record that fits into no payload: it is left out, as Lambda does. */
  | { readonly kind: 'oversized'; readonly partition: number; readonly offset: number; readonly bytes: number }
  /** Kafka or Lambda cannot be reached, or something is missing. It is tried again. */
  | { readonly kind: 'trouble'; readonly error: MillraceError };

/** What an event source tells of itself: what happens, and at which mapping. */
export type News = Happening & { readonly mapping: string };
