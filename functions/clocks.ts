import { seconds } from '../lib/model/index.ts';

/** Twice the deviation of a function's clock from true time that is allowed for. */
export const CLOCK_SKEW = seconds(1);
