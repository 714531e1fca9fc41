/** Runs and deltas smaller than this count as this large. */
const LEAST_BYTES = 4 * 1024;
/** More runs than this are merged in any case. */
const MOST_RUNS = 8;
/** The oldest run is made anew once this many times its size has been written since. */
const GARBAGE = 3;

/**
 * How many of a snapshot's runs stay as they are when `fresh` bytes come; the others and the fresh cells become one new run. `sizes` are the runs' bytes,
 * oldest first, `written` the bytes of all runs written since the oldest was.
 *
 * A run stays while it is larger than all newer ones together, so that sizes at least double from run to run: few runs, and a byte is rewritten a number of
 * times that grows with the logarithm of the state's size over the increment's (the logarithmic method: Bentley and Saxe 1980; as tiers, O'Neil et al. 1996). Where
 * the same few cells change for ever newer runs never grow large; but only a new oldest run lets go of blobs that nothing names any more, so it is made
 * after GARBAGE times its size at the latest, which adds 1/GARBAGE to what is written, and keeps what is stored below GARBAGE + 2 times the state.
 */
export function runsToKeep(sizes: readonly number[], fresh: number, written: number): number {
  if (sizes.length > 0 && written > GARBAGE * Math.max(sizes[0]!, LEAST_BYTES)) return 0;
  let newer = Math.max(fresh, LEAST_BYTES);
  for (const size of sizes) newer += Math.max(size, LEAST_BYTES);
  for (let i = 0; i < sizes.length; i++) {
    const size = Math.max(sizes[i]!, LEAST_BYTES);
    newer -= size;
    if (size <= newer) return i;
  }
  return Math.min(sizes.length, MOST_RUNS - 1);
}
