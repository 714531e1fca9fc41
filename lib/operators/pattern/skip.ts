/** What becomes of other matches after one: Flink's AfterMatchSkipStrategy. */
export interface SkipStrategy<N extends string = string> {
  readonly skip: 'none' | 'to-next' | 'past-last' | 'to-first' | 'to-last';
  /** The step that is skipped to. */
  readonly step?: N;
}

/** Every match comes out, as soon as it is complete. */
export const noSkip = (): SkipStrategy<never> => ({ skip: 'none' });

/** Of matches that begin with the same record, one comes out: the first that is complete. */
export const skipToNext = (): SkipStrategy<never> => ({ skip: 'to-next' });

/** No match begins with or before the last record of one that came out: matches do not overlap. */
export const skipPastLastEvent = (): SkipStrategy<never> => ({ skip: 'past-last' });

/** No match begins before the first record that one which came out took for this step. If it took none, or that is its own first, nothing is skipped. */
export const skipToFirst = <N extends string>(step: N): SkipStrategy<N> => ({ skip: 'to-first', step });

/** No match begins before the last record that one which came out took for this step. If it took none, or that is its own first, nothing is skipped. */
export const skipToLast = <N extends string>(step: N): SkipStrategy<N> => ({ skip: 'to-last', step });
