import type { WallTime } from '../../model/index.ts';
import type { Lease } from '../../ports/index.ts';

/** A lease among holders in this process. */
export class MemoryLease implements Lease {
  #held: { readonly holder: string; readonly until: WallTime } | undefined;

  async take(holder: string, now: WallTime, until: WallTime): Promise<boolean> {
    const held = this.#held;
    if (held !== undefined && held.holder !== holder && held.until > now) return false;
    this.#held = { holder, until };
    return true;
  }

  async give(holder: string): Promise<void> {
    if (this.#held?.holder === holder) this.#held = undefined;
  }
}
