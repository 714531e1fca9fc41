/**
 * HyperLogLog (Flajolet et al. 2007) over 64-bit hashes, with the estimator of Ertl ("New cardinality estimation algorithms for
 * HyperLogLog sketches", 2017, algorithm 6), which needs no tables of bias for any precision.
 *
 * A sketch is a sorted list of `index * 64 + rank` while few registers are set, then all registers as bytes. Which of the two depends
 * only on how many are set, so equal sets give equal sketches.
 */
export type HyperLogLog = number[] | Uint8Array;

/** A sketch of nothing. */
export const emptySketch = (): HyperLogLog => [];

/** Adds a hash, given as two words of 32 bits: the first `precision` bits choose the register, the zeros that follow are its rank. */
export function addHash(sketch: HyperLogLog, precision: number, high: number, low: number): HyperLogLog {
  const index = high >>> (32 - precision);
  const rest = high << precision;
  const zeros = rest !== 0 ? Math.clz32(rest) : 32 - precision + Math.clz32(low);
  return setRegister(sketch, precision, index, zeros + 1);
}

/** Folds `b` into `a`. */
export function mergeSketches(a: HyperLogLog, b: HyperLogLog, precision: number): HyperLogLog {
  let merged = a;
  if (b instanceof Uint8Array) {
    if (!(merged instanceof Uint8Array)) merged = registersOf(merged, precision);
    for (let i = 0; i < b.length; i++) if (b[i]! > merged[i]!) merged[i] = b[i]!;
  } else {
    for (const entry of b) merged = setRegister(merged, precision, entry >>> 6, entry & 63);
  }
  return merged;
}

/** The estimated number of different hashes. */
export function estimate(sketch: HyperLogLog, precision: number): number {
  const m = 2 ** precision;
  const top = 64 - precision;
  const having = new Array<number>(top + 2).fill(0);
  if (sketch instanceof Uint8Array) for (const rank of sketch) having[rank]!++;
  else {
    for (const entry of sketch) having[entry & 63]!++;
    having[0] = m - sketch.length;
  }
  let z = m * tau(1 - having[top + 1]! / m);
  for (let rank = top; rank >= 1; rank--) z = 0.5 * (z + having[rank]!);
  z += m * sigma(having[0]! / m);
  return ((1 / (2 * Math.LN2)) * m * m) / z;
}

function setRegister(sketch: HyperLogLog, precision: number, index: number, rank: number): HyperLogLog {
  if (sketch instanceof Uint8Array) {
    if (rank > sketch[index]!) sketch[index] = rank;
    return sketch;
  }
  let from = 0;
  let to = sketch.length;
  while (from < to) {
    const middle = (from + to) >>> 1;
    if (sketch[middle]! >>> 6 < index) from = middle + 1;
    else to = middle;
  }
  const entry = index * 64 + rank;
  if (from < sketch.length && sketch[from]! >>> 6 === index) {
    if (entry > sketch[from]!) sketch[from] = entry;
    return sketch;
  }
  sketch.splice(from, 0, entry);
  return sketch.length > 2 ** precision / 8 ? registersOf(sketch, precision) : sketch;
}

function registersOf(entries: readonly number[], precision: number): Uint8Array {
  const registers = new Uint8Array(2 ** precision);
  for (const entry of entries) registers[entry >>> 6] = entry & 63;
  return registers;
}

function sigma(x: number): number {
  if (x === 1) return Number.POSITIVE_INFINITY;
  let power = x;
  let weight = 1;
  let sum = x;
  for (;;) {
    power *= power;
    const before = sum;
    sum += power * weight;
    weight += weight;
    if (sum === before) return sum;
  }
}

function tau(x: number): number {
  if (x === 0 || x === 1) return 0;
  let root = x;
  let weight = 1;
  let sum = 1 - x;
  for (;;) {
    root = Math.sqrt(root);
    const before = sum;
    weight *= 0.5;
    sum -= (1 - root) ** 2 * weight;
    if (sum === before) return sum / 3;
  }
}
