import type { Random } from '../ports/index.ts';

/**
 * What Lambda's event source may do, and rarely does, as probabilities from 0 to 1; each is asked anew for each delivery. A function that is right under all of
 * them is right under Lambda. Default: none of it, and deliveries mix partitions wherever several have something.
 */
export interface Habits {
  /** A delivery that succeeded is made once more. */
  readonly duplicates: number;
  /** A delivery is made twice at the same time. */
  readonly concurrent: number;
  /** Where several partitions have something, they share a delivery. */
  readonly mixed: number;
  /** A delivery is given up as if it had timed out, and made again, while the function still works on it. */
  readonly zombies: number;
  /** A delivery that succeeded counts as failed, and is made again as a whole. */
  readonly retries: number;
  /** Partitions change hands: what was delivered and not committed is forgotten, and comes again from the last commit, or from earlier. */
  readonly rebalances: number;
  /** A delivery is refused, as by a throttled function, before it reaches it. */
  readonly throttles: number;
  /** A record without a key or value has no such field, and not null. */
  readonly absent: number;
  /** Bytes of headers are 0 to 255, and not -128 to 127 as Java's. */
  readonly unsigned: number;
}

/** As Lambda is on a good day. */
export const goodDay: Habits = {
  duplicates: 0,
  concurrent: 0,
  mixed: 1,
  zombies: 0,
  retries: 0,
  rebalances: 0,
  throttles: 0,
  absent: 0,
  unsigned: 0,
};

/** All of it, often. */
export const badDay: Habits = {
  duplicates: 0.1,
  concurrent: 0.1,
  mixed: 0.5,
  zombies: 0.1,
  retries: 0.1,
  rebalances: 0.05,
  throttles: 0.1,
  absent: 0.5,
  unsigned: 0.2,
};

/** Whether it happens this time. Draws nothing for what never or always happens. */
export const happens = (probability: number, random: Random): boolean =>
  probability >= 1 || (probability > 0 && random.next() < probability);
