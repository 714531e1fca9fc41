/**
 * DDSketch (Masson, Rim and Lee, "DDSketch: a fast and fully-mergeable quantile sketch with relative-error guarantees", VLDB 2019):
 * counts of values in buckets whose bounds grow by gamma = (1 + accuracy) / (1 - accuracy), for negative numbers mirrored, and one bucket for
 * zero. It is the multiset of buckets and nothing else, so it does not depend on the order of the values or of merging.
 *
 * Laid out as bucket, count, bucket, count, ... in ascending order of bucket: ascending order of values. No buckets are collapsed: their number grows
 * with the logarithm of the range of the values (some 700 for values from 1 to a million at 1 %), whatever the number of values.
 */
export type QuantileSketch = number[];

/** A sketch's bounds, worked out once. */
export interface Buckets {
  readonly logGamma: number;
  /** The logarithm of where in a bucket its value lies, relative to its upper bound: as far from both bounds, relatively. */
  readonly logMiddle: number;
}

/** Buckets within which no two values differ from the one in the middle by more than `accuracy`, relatively. */
export function bucketsOf(accuracy: number): Buckets {
  const gamma = (1 + accuracy) / (1 - accuracy);
  return { logGamma: Math.log(gamma), logMiddle: Math.log(2 / (1 + gamma)) };
}

const SMALLEST = 2.2250738585072014e-308;
/** Above the index of any positive value's bucket, so that its bucket is a positive number. */
const SHIFT = 2 ** 24;

/** The bucket of a finite number; magnitudes too small for full precision (below 2.3e-308) count as zero. */
export function bucketOf(x: number, buckets: Buckets): number {
  if (x >= SMALLEST) return SHIFT + Math.ceil(Math.log(x) / buckets.logGamma);
  if (x <= -SMALLEST) return -(SHIFT + Math.ceil(Math.log(-x) / buckets.logGamma));
  return 0;
}

/** The value that stands for all of a bucket. */
export function valueIn(bucket: number, buckets: Buckets): number {
  if (bucket === 0) return 0;
  const exponent = (Math.abs(bucket) - SHIFT) * buckets.logGamma + buckets.logMiddle;
  return Math.sign(bucket) * Math.min(Math.exp(exponent), Number.MAX_VALUE);
}

/** Adds `n` (which may be negative) to a bucket's count; a bucket of none is removed. */
export function countIn(sketch: QuantileSketch, bucket: number, n: number): void {
  let from = 0;
  let to = sketch.length >>> 1;
  while (from < to) {
    const middle = (from + to) >>> 1;
    if (sketch[middle * 2]! < bucket) from = middle + 1;
    else to = middle;
  }
  const at = from * 2;
  if (at === sketch.length) sketch.push(bucket, n);
  else if (sketch[at] !== bucket) sketch.splice(at, 0, bucket, n);
  else {
    sketch[at + 1]! += n;
    if (sketch[at + 1] === 0) sketch.splice(at, 2);
  }
}

/** The sum of two sketches of the same buckets. */
export function mergedSketch(a: QuantileSketch, b: QuantileSketch): QuantileSketch {
  const merged: number[] = [];
  let i = 0;
  let j = 0;
  while (i < a.length || j < b.length) {
    const left = a[i] ?? Number.POSITIVE_INFINITY;
    const right = b[j] ?? Number.POSITIVE_INFINITY;
    const count = (left <= right ? a[i + 1]! : 0) + (right <= left ? b[j + 1]! : 0);
    if (count !== 0) merged.push(Math.min(left, right), count);
    if (left <= right) i += 2;
    if (right <= left) j += 2;
  }
  return merged;
}

/** How many values were counted. */
export function countOf(sketch: QuantileSketch): number {
  let n = 0;
  for (let at = 1; at < sketch.length; at += 2) n += sketch[at]!;
  return n;
}

/** The bucket of the value at a rank, 0 for the smallest. The sketch must hold more than `rank` values. */
export function bucketAt(sketch: QuantileSketch, rank: number): number {
  let left = rank;
  for (let at = 0; ; at += 2) {
    left -= sketch[at + 1]!;
    if (left < 0) return sketch[at]!;
  }
}
