import type { WallTime } from '../model/index.ts';

/**
 * A duty that one process at a time should have. It is no lock: a holder that sleeps past its time may go on beside the next, as far as clocks differ even
 * sooner, and what it does must do no harm then.
 *
 * Guarantee needed: of all who take it while nobody's time lasts, one is told so.
 */
export interface Lease {
  /** Takes it until a time, or keeps it longer; false while another holder's time lasts, by the time `now` of who asks. */
  take(holder: string, now: WallTime, until: WallTime): Promise<boolean>;
  /** Gives it back; without effect where it is another's. */
  give(holder: string): Promise<void>;
}
