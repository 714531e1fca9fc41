/**
 * Columns of safe integers: offsets, times, counts, dates. A column is stored as its least value and the distances from it in the
 * fewest whole bytes each, or the same of its differences where that is smaller (times and offsets that ascend evenly take no
 * bytes at all); or as varints where a few outliers would make all others wide.
 */
import type { ByteReader, ByteWriter } from './bytes.ts';

/** Bits of the first byte: the width of each value in bytes, and how to read them. */
const WIDTH = 7;
const DELTA = 8;
const VARINT = 16;
const SAFE = Number.MAX_SAFE_INTEGER;

/** Whether all values are numbers that an integer column keeps exactly: safe integers, and not -0. */
export function areIntegers(values: readonly unknown[]): values is readonly number[] {
  for (let i = 0; i < values.length; i++) {
    const v = values[i];
    if (typeof v !== 'number' || !Number.isSafeInteger(v) || (v === 0 && 1 / v < 0)) return false;
  }
  return true;
}

/** Appends the values, for which `areIntegers` holds. Their number is not written. */
export function writeIntegers(writer: ByteWriter, values: readonly number[]): void {
  const n = values.length;
  if (n === 0) return;
  const first = values[0] as number;
  let min = first;
  let max = first;
  let least = Number.POSITIVE_INFINITY;
  let most = Number.NEGATIVE_INFINITY;
  let last = first;
  for (let i = 1; i < n; i++) {
    const v = values[i] as number;
    const step = v - last;
    last = v;
    if (v < min) min = v;
    if (v > max) max = v;
    if (step < least) least = step;
    if (step > most) most = step;
  }
  const plain = widthOf(max - min);
  const steps = n > 2 && least >= -SAFE && most <= SAFE ? widthOf(most - least) : 8;
  const delta = steps < plain;
  const width = delta ? steps : plain;
  if (width === 8 || (width > 2 && varintBytes(values, delta) < 0.7 * width * n)) {
    writer.u8(VARINT | (delta ? DELTA : 0));
    let before = 0;
    for (let i = 0; i < n; i++) {
      const v = values[i] as number;
      writer.zigzag(delta ? v - before : v);
      before = v;
    }
    return;
  }
  writer.u8(width | (delta ? DELTA : 0));
  if (delta) writer.zigzag(first);
  const base = delta ? least : min;
  writer.zigzag(base);
  if (width > 0) writeDistances(writer, values, base, width, delta);
}

/** Reads `n` values that `writeIntegers` wrote. */
export function readIntegers(reader: ByteReader, n: number): number[] {
  const values: number[] = [];
  if (n === 0) return values;
  const mode = reader.u8();
  const delta = (mode & DELTA) !== 0;
  const width = mode & WIDTH;
  if ((mode & VARINT) !== 0) {
    let before = 0;
    for (let i = 0; i < n; i++) {
      const v = reader.zigzag();
      before = delta ? before + v : v;
      values.push(before);
    }
    return values;
  }
  if (mode > 15 || width === 5 || width === 7) throw reader.damaged('an integer column of an unknown kind');
  let before = delta ? reader.zigzag() : 0;
  const base = reader.zigzag();
  const rows = delta ? n - 1 : n;
  let at = reader.take(width * rows);
  const b = reader.bytes;
  if (delta) values.push(before);
  for (let i = 0; i < rows; i++) {
    let v = base;
    if (width === 1) v += b[at] as number;
    else if (width === 2) v += (b[at] as number) | ((b[at + 1] as number) << 8);
    else if (width > 2) v += distanceAt(b, at, width);
    at += width;
    if (delta) {
      before += v;
      v = before;
    }
    values.push(v);
  }
  return values;
}

function widthOf(range: number): number {
  if (range < 0x100) return range === 0 ? 0 : 1;
  if (range < 0x10000) return 2;
  if (range < 0x1000000) return 3;
  if (range < 0x100000000) return 4;
  return range < 0x1000000000000 ? 6 : 8;
}

function varintBytes(values: readonly number[], delta: boolean): number {
  let bytes = 0;
  let before = 0;
  for (let i = 0; i < values.length; i++) {
    const v = values[i] as number;
    let magnitude = Math.abs(delta ? v - before : v);
    before = v;
    bytes++;
    for (magnitude /= 64; magnitude >= 1; magnitude /= 128) bytes++;
  }
  return bytes;
}

function writeDistances(
  writer: ByteWriter,
  values: readonly number[],
  base: number,
  width: number,
  delta: boolean,
): void {
  const from = delta ? 1 : 0;
  let at = writer.take(width * (values.length - from));
  const b = writer.bytes;
  let before = values[0] as number;
  for (let i = from; i < values.length; i++) {
    const v = values[i] as number;
    const distance = (delta ? v - before : v) - base;
    before = v;
    b[at] = distance;
    if (width > 1) {
      b[at + 1] = distance >>> 8;
      if (width > 2) b[at + 2] = distance >>> 16;
      if (width > 3) b[at + 3] = distance >>> 24;
      if (width > 4) {
        const high = Math.floor(distance / 0x100000000);
        b[at + 4] = high;
        b[at + 5] = high >>> 8;
      }
    }
    at += width;
  }
}

function distanceAt(b: Uint8Array, at: number, width: number): number {
  let distance = (b[at] as number) | ((b[at + 1] as number) << 8) | ((b[at + 2] as number) << 16);
  if (width > 3) distance += (b[at + 3] as number) * 0x1000000;
  if (width > 4) distance += (b[at + 4] as number) * 0x100000000 + (b[at + 5] as number) * 0x10000000000;
  return distance;
}
