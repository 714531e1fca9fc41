import type { RingReason } from '../lib/protocol/index.ts';

/** A call that wakes tasks of a stage: they look for themselves what there is to do. */
export interface RingEvent {
  readonly ring: readonly { readonly partition: number; readonly reason: RingReason }[];
}

export function isRingEvent(event: unknown): event is RingEvent {
  return typeof event === 'object' && event !== null && 'ring' in event && Array.isArray(event.ring);
}
