/** Which records of a join come out without a match: none, those of the left, of the right, or of both sides. */
export type JoinKind = 'inner' | 'left' | 'right' | 'outer';

/** Whether unmatched records of the left side are results. */
export const keepsLeft = (kind: JoinKind): boolean => kind === 'left' || kind === 'outer';

/** Whether unmatched records of the right side are results. */
export const keepsRight = (kind: JoinKind): boolean => kind === 'right' || kind === 'outer';
