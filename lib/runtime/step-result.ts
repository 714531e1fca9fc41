import type { MillraceError } from '../model/index.ts';
import type { StopReason, TaskStatus } from '../protocol/index.ts';

/** What a step came to. */
export type StepResult =
  /** Something was committed; more may wait. */
  | { readonly kind: 'advanced'; readonly nextOffset: number; readonly records: number; readonly done: boolean }
  /** Nothing to do. */
  | { readonly kind: 'idle'; readonly nextOffset: number; readonly done: boolean }
  /** Backing off until a time. */
  | { readonly kind: 'waiting'; readonly until: number }
  | { readonly kind: 'stopped'; readonly reason: StopReason; readonly error: MillraceError }
  /** Another writer was there first, or nobody knows: the state was forgotten. Deliver again. */
  | { readonly kind: 'lost' }
  /** Another code version is in force here. */
  | { readonly kind: 'other-code'; readonly epoch: number };

/** Whether another attempt is safe: what stopped the task is found again if it is still so. A log that was truncated may have grown again meanwhile. */
export function isMendable({ reason, failure }: Extract<TaskStatus, { kind: 'stopped' }>): boolean {
  if (reason === 'data-lost') return failure.where?.file !== undefined;
  return reason === 'failed' || reason === 'incompatible';
}
