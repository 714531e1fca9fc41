/**
 * A position says where an output came from: the offset, in the producing task's own log, of the message that caused it,
 * and its index among that message's outputs on the channel. `k = ALL` means "all of that message's outputs".
 */
export interface Position {
  readonly cause: number;
  readonly k: number;
}

/** As `k`: everything the message caused. */
export const ALL = Number.POSITIVE_INFINITY;
/** Before the first message of a log. */
export const NOTHING: Position = Object.freeze({ cause: -1, k: ALL });

/** Negative where `a` lies before `b`, zero where they are the same place. */
export function comparePositions(a: Position, b: Position): number {
  if (a.cause !== b.cause) return a.cause - b.cause;
  return a.k === b.k ? 0 : a.k < b.k ? -1 : 1;
}
