import type { PatternShape } from './shape.ts';
import type { SkipStrategy } from './skip.ts';

/** Makes something of the lists of a match and its context; nothing where it returns undefined. */
export type MatchCode = (match: never, ctx: never) => unknown;

/** Of what matching is made. */
export interface MatchSpec {
  readonly pattern: PatternShape;
  readonly fn: MatchCode;
  readonly skip: SkipStrategy;
  /** The side output for late records. Without it they are only counted. */
  readonly lateSide?: string | undefined;
  /** The side output for partial matches that ran out of time, and what is made of them. */
  readonly timedOut?: { readonly side: string; readonly make: MatchCode } | undefined;
  /** So many partial matches a key has at the most; the oldest are given up, and counted. */
  readonly maxPartialMatches: number;
  /** Partial matches may be kept without limit of time. */
  readonly waitForever: boolean;
}
