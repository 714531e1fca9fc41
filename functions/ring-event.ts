import type { RingReason, Stop } from '../lib/protocol/index.ts';

/** A call that wakes tasks of a stage: they look for themselves what there is to do. */
export interface RingEvent {
  readonly ring: readonly TaskRing[];
  /** How many functions have passed it on, each to the one that has the code of the task's epoch. */
  readonly hops?: number;
}

export interface TaskRing {
  readonly partition: number;
  readonly reason: RingReason | TaskOrder['kind'];
  /** What the task is to do before it looks. */
  readonly order?: TaskOrder;
}

/** What an operator or a change of code wants of one task. All may be repeated: what has been done is not done again. */
export type TaskOrder =
  /** A source's task is to leave everything from this offset on to the code of this epoch. */
  | { readonly kind: 'hand-over'; readonly at: number; readonly epoch: number }
  /** A source's task ends at this offset, or where it stands if it has come further. */
  | { readonly kind: 'drain'; readonly end: number }
  /** It goes on, if what stopped it may be mended. */
  | { readonly kind: 'resume' }
  /** It must not go on. */
  | { readonly kind: 'halt'; readonly stop: Stop };

export function isRingEvent(event: unknown): event is RingEvent {
  return typeof event === 'object' && event !== null && 'ring' in event && Array.isArray(event.ring);
}
