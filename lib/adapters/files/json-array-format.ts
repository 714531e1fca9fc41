import { isUtf8 } from 'node:buffer';
import { decodeEach } from './jsonl-format.ts';
import type { RecordFormat, Spans } from './record-format.ts';

const QUOTE = 34;
const COMMA = 44;
const BACKSLASH = 92;
const OPEN_BRACKET = 91;
const CLOSE_BRACKET = 93;
const OPEN_BRACE = 123;
const CLOSE_BRACE = 125;

/** The elements of one JSON array, from its first element on; what follows the array is not looked at. */
export const jsonElements: RecordFormat = {
  noun: 'element',
  headers: 0,
  unclosed: 'the array is not closed: the file ends inside it',
  endOf: elementEnd,
  closes: (terminator) => terminator === CLOSE_BRACKET,
  isBlank(bytes, from, end, terminator) {
    if (terminator === COMMA) return false;
    for (let i = from; i < end; i++) if ((bytes[i] ?? 0) > 32) return false;
    return true;
  },
  decode(bytes, spans, values, place) {
    if (!decodeTogether(bytes, spans, values)) decodeEach(jsonElements, bytes, spans, values, place);
  },
};

/** The comma or bracket after the element that begins at `from`: the first outside strings and brackets. */
function elementEnd(bytes: Buffer, from: number, end: number): number {
  let depth = 0;
  for (let i = from; i < end; i++) {
    const byte = bytes[i];
    if (byte === QUOTE) {
      i = stringEnd(bytes, i, end);
      if (i < 0) return -1;
    } else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) depth++;
    else if (byte === COMMA && depth === 0) return i;
    else if (byte === CLOSE_BRACE) depth--;
    else if (byte === CLOSE_BRACKET) {
      if (depth <= 0) return i;
      depth--;
    }
  }
  return -1;
}

/** The quote that ends the string which begins at `open`, or -1. */
function stringEnd(bytes: Buffer, open: number, end: number): number {
  for (let at = open + 1; ; at++) {
    at = bytes.indexOf(QUOTE, at);
    if (at < 0 || at >= end) return -1;
    let slashes = 0;
    while (bytes[at - 1 - slashes] === BACKSLASH) slashes++;
    if (slashes % 2 === 0) return at;
  }
}

/** Elements already stand between commas; if the block parses as a whole, the cut was right, since the cut is right for all sound JSON. */
function decodeTogether(bytes: Buffer, spans: Spans, values: unknown[]): boolean {
  const { count, starts, ends } = spans;
  if (count === 0 || spans.gaps) return count === 0;
  const block = bytes.subarray(starts[0] as number, ends[count - 1] as number);
  if (!isUtf8(block)) return false;
  try {
    const rows: unknown[] = JSON.parse(`[${block.toString('utf8')}]`);
    if (rows.length !== count) return false;
    for (let i = 0; i < count; i++) values.push(rows[i]);
    return true;
  } catch {
    return false;
  }
}

/**
 * Index just after the `[` of the array to read in a document whose beginning is `bytes`: the document itself, or, with `path`, what lies at
 * those keys of its objects. 'more' if it does not lie in these bytes, 'none' if there is no such array.
 */
export function arrayStart(bytes: Buffer, path: readonly string[]): number | 'more' | 'none' {
  let at = skipBlank(bytes, bytes[0] === 0xef && bytes[1] === 0xbb ? 3 : 0);
  for (const key of path) {
    if (at >= bytes.length) return 'more';
    if (bytes[at] !== OPEN_BRACE) return 'none';
    const value = memberValue(bytes, at + 1, key);
    if (typeof value !== 'number') return value;
    at = value;
  }
  if (at >= bytes.length) return 'more';
  return bytes[at] === OPEN_BRACKET ? at + 1 : 'none';
}

/** Index of the value of `key` in the object whose members begin at `at`. */
function memberValue(bytes: Buffer, from: number, key: string): number | 'more' | 'none' {
  for (let at = skipBlank(bytes, from); ; ) {
    if (at >= bytes.length) return 'more';
    if (bytes[at] !== QUOTE) return 'none';
    const close = stringEnd(bytes, at, bytes.length);
    if (close < 0) return 'more';
    const name = bytes.toString('utf8', at, close + 1);
    const value = skipBlank(bytes, skipBlank(bytes, close + 1) + 1);
    if (name === JSON.stringify(key)) return value;
    const end = memberEnd(bytes, value);
    if (end < 0) return 'more';
    if (bytes[end] !== COMMA) return 'none';
    at = skipBlank(bytes, end + 1);
  }
}

function memberEnd(bytes: Buffer, from: number): number {
  let depth = 0;
  for (let i = from; i < bytes.length; i++) {
    const byte = bytes[i];
    if (byte === QUOTE) {
      i = stringEnd(bytes, i, bytes.length);
      if (i < 0) return -1;
    } else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) depth++;
    else if (byte === COMMA && depth === 0) return i;
    else if ((byte === CLOSE_BRACE || byte === CLOSE_BRACKET) && depth-- === 0) return i;
  }
  return -1;
}

function skipBlank(bytes: Buffer, from: number): number {
  let at = from;
  while (at < bytes.length && (bytes[at] ?? 0) <= 32) at++;
  return at;
}
