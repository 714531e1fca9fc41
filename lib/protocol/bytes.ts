/** Growing and reading byte strings: the base of the codecs of values, messages, state deltas and snapshots. */
import { MillraceError } from '../model/index.ts';

const LATIN1 = 0;
const UTF8 = 1;
const UTF16 = 2;
/** Up to here strings are written and read character by character, which is faster than a native call. */
const SHORT = 24;

const double = new Float64Array(1);
const doubleBytes = new Uint8Array(double.buffer);
const LITTLE_ENDIAN = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

/** Appends to a byte string that grows as needed. Numbers are little-endian. */
export class ByteWriter {
  #bytes: Buffer;
  #view: DataView;
  /** Bytes written so far. */
  length = 0;

  constructor(capacity = 1024) {
    this.#bytes = Buffer.allocUnsafeSlow(capacity);
    this.#view = new DataView(this.#bytes.buffer);
  }

  /** Makes room for `n` bytes, counts them as written and returns where they begin; the caller fills them in `bytes` or `view`. */
  take(n: number): number {
    const at = this.length;
    this.reserve(n);
    this.length = at + n;
    return at;
  }

  /** Makes room for `n` more bytes. */
  reserve(n: number): void {
    if (this.length + n <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(this.#bytes.length * 2, this.length + n));
    this.#bytes.copy(larger, 0, 0, this.length);
    this.#bytes = larger;
    this.#view = new DataView(larger.buffer);
  }

  /** The bytes behind; replaced when they grow, so never keep them over a write. */
  get bytes(): Uint8Array {
    return this.#bytes;
  }

  /** A view of the bytes behind; replaced when they grow. */
  get view(): DataView {
    return this.#view;
  }

  /** How many bytes fit before it grows. */
  get capacity(): number {
    return this.#bytes.length;
  }

  /** Forgets everything at and after `length`. */
  cut(length: number): void {
    this.length = length;
  }

  /** A copy of what was written, from `start`. */
  copy(start = 0): Uint8Array {
    const result = new Uint8Array(this.length - start);
    this.#bytes.copy(result, 0, start, this.length);
    return result;
  }

  /** The lowest 8 bits. */
  u8(n: number): void {
    if (this.length === this.#bytes.length) this.reserve(1);
    this.#bytes[this.length++] = n;
  }

  /** The lowest 32 bits. */
  u32(n: number): void {
    const at = this.take(4);
    this.#view.setUint32(at, n, true);
  }

  /** An integer from 0 to 2^53 - 1, seven bits a byte. */
  varint(n: number): void {
    this.reserve(8);
    let rest = n;
    while (rest > 0x7fffffff) {
      this.#bytes[this.length++] = (rest % 128) | 0x80;
      rest = Math.floor(rest / 128);
    }
    while (rest > 0x7f) {
      this.#bytes[this.length++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.#bytes[this.length++] = rest;
  }

  /** A safe integer of either sign, small magnitudes in few bytes: 0, -1, 1, -2 ... become varints 0, 1, 2, 3 ... -0 becomes 0. */
  zigzag(n: number): void {
    if (n >= -0x40000000 && n < 0x40000000) {
      this.varint(((n << 1) ^ (n >> 31)) >>> 0);
      return;
    }
    const magnitude = n < 0 ? -1 - n : n;
    this.u8(((magnitude % 64) << 1) | (n < 0 ? 1 : 0) | 0x80);
    this.varint(Math.floor(magnitude / 64));
  }

  /** A double, eight bytes; every number but the payload of a NaN is kept. */
  f64(n: number): void {
    const at = this.take(8);
    this.#view.setFloat64(at, n, true);
  }

  /** The bytes as they are, without their length. */
  raw(bytes: Uint8Array): void {
    const n = bytes.length;
    const at = this.take(n);
    if (n > 48) this.#bytes.set(bytes, at);
    else for (let i = 0; i < n; i++) this.#bytes[at + i] = bytes[i] as number;
  }

  /** The length as a varint, then the bytes. */
  block(bytes: Uint8Array): void {
    this.varint(bytes.length);
    this.raw(bytes);
  }

  /** Any string, lone surrogates too: a varint of byte length x 4 + encoding (0 Latin-1, 1 UTF-8, 2 UTF-16), then its bytes. */
  string(text: string): void {
    const n = text.length;
    if (n <= SHORT) {
      this.reserve(n + 1);
      const start = this.length;
      this.#bytes[start] = n << 2;
      if (this.#shortAscii(text, start + 1)) {
        this.length = start + 1 + n;
        return;
      }
    }
    const size = Buffer.byteLength(text);
    const encoding = size === n ? LATIN1 : text.isWellFormed() ? UTF8 : UTF16;
    const bytes = encoding === UTF16 ? n * 2 : size;
    this.varint(bytes * 4 + encoding);
    const at = this.take(bytes);
    this.#bytes.write(text, at, encoding === LATIN1 ? 'latin1' : encoding === UTF8 ? 'utf8' : 'utf16le');
  }

  /** Appends the characters of an ASCII string, one byte each; false, and nothing written, if it is not ASCII. */
  ascii(text: string): boolean {
    const n = text.length;
    this.reserve(n);
    if (n <= SHORT) {
      if (!this.#shortAscii(text, this.length)) return false;
    } else {
      if (Buffer.byteLength(text) !== n) return false;
      this.#bytes.write(text, this.length, 'latin1');
    }
    this.length += n;
    return true;
  }

  #shortAscii(text: string, at: number): boolean {
    const bytes = this.#bytes;
    let seen = 0;
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      seen |= code;
      bytes[at + i] = code;
    }
    return seen < 0x80;
  }
}

/** Reads what a `ByteWriter` wrote. Every method throws `incompatible` where the bytes end too early or make no sense. */
export class ByteReader {
  readonly bytes: Uint8Array;
  /** Where the next byte is read. */
  at: number;
  readonly end: number;
  readonly #what: string;
  #buffer: Buffer | undefined;
  #view: DataView | undefined;

  /** `what` names the bytes in errors, such as "message" or "snapshot block". */
  constructor(bytes: Uint8Array, what = 'value', at = 0, end = bytes.length) {
    this.bytes = bytes;
    this.at = at;
    this.end = end;
    this.#what = what;
  }

  get remaining(): number {
    return this.end - this.at;
  }

  /** A view of `bytes`. */
  get view(): DataView {
    this.#view ??= new DataView(this.bytes.buffer, this.bytes.byteOffset, this.bytes.length);
    return this.#view;
  }

  /** Passes over `n` bytes and returns where they begin. */
  take(n: number): number {
    const at = this.at;
    if (!(n <= this.end - at)) throw this.damaged(`${n} bytes are missing`);
    this.at = at + n;
    return at;
  }

  u8(): number {
    if (this.at >= this.end) throw this.damaged('it ends too early');
    return this.bytes[this.at++] as number;
  }

  u32(): number {
    return this.view.getUint32(this.take(4), true);
  }

  varint(): number {
    const first = this.u8();
    if (first < 0x80) return first;
    let n = first & 0x7f;
    for (let shift = 7; shift < 28; shift += 7) {
      const byte = this.u8();
      n |= (byte & 0x7f) << shift;
      if (byte < 0x80) return n;
    }
    for (let scale = 0x10000000; scale <= 0x2000000000000; scale *= 128) {
      const byte = this.u8();
      n += (byte & 0x7f) * scale;
      if (byte < 0x80 && Number.isSafeInteger(n)) return n;
    }
    throw this.damaged('a number is out of range');
  }

  zigzag(): number {
    const first = this.u8();
    let magnitude = (first & 0x7f) >> 1;
    if (first >= 0x80) {
      magnitude += this.varint() * 64;
      if (magnitude > Number.MAX_SAFE_INTEGER) throw this.damaged('a number is out of range');
    }
    return first & 1 ? -1 - magnitude : magnitude;
  }

  f64(): number {
    const at = this.take(8);
    if (!LITTLE_ENDIAN) return this.view.getFloat64(at, true);
    for (let i = 0; i < 8; i++) doubleBytes[i] = this.bytes[at + i] as number;
    return double[0] as number;
  }

  /** A copy of the next `n` bytes. */
  raw(n: number): Uint8Array {
    const at = this.take(n);
    const copy = new Uint8Array(n);
    copy.set(n === this.bytes.length ? this.bytes : this.bytes.subarray(at, at + n));
    return copy;
  }

  /** A copy of what `ByteWriter.block` wrote. */
  block(): Uint8Array {
    return this.raw(this.varint());
  }

  string(): string {
    const head = this.varint();
    const encoding = head % 4;
    const n = Math.floor(head / 4);
    if (encoding === LATIN1) return this.latin1(n);
    const at = this.take(n);
    if (encoding === UTF8) return this.#asBuffer().toString('utf8', at, at + n);
    if (encoding === UTF16 && n % 2 === 0) return this.#asBuffer().toString('utf16le', at, at + n);
    throw this.damaged('a string has an unknown encoding');
  }

  /** `n` characters of one byte each. */
  latin1(n: number): string {
    const at = this.take(n);
    if (n <= 8) return shortText(this.bytes, at, n);
    if (n <= 12) return shortText(this.bytes, at, 8) + shortText(this.bytes, at + 8, n - 8);
    return this.#asBuffer().toString('latin1', at, at + n);
  }

  /** A count of things that take at least `least` bytes each, so that damage cannot ask for endless memory. */
  count(least = 1): number {
    const n = this.varint();
    if (n * least > this.remaining) throw this.damaged(`${n} items cannot fit in what is left`);
    return n;
  }

  /** The error for bytes that make no sense here. */
  damaged(fact: string): MillraceError {
    return new MillraceError('incompatible', `damaged ${this.#what} at byte ${this.at}: ${fact}`, {
      hint: 'the bytes were not written by this format, or were changed after',
    });
  }

  #asBuffer(): Buffer {
    this.#buffer ??= Buffer.from(this.bytes.buffer, this.bytes.byteOffset, this.bytes.length);
    return this.#buffer;
  }
}

/** Up to eight characters, made in one call. */
function shortText(b: Uint8Array, at: number, n: number): string {
  const c = (i: number): number => b[at + i] as number;
  switch (n) {
    case 0:
      return '';
    case 1:
      return String.fromCharCode(c(0));
    case 2:
      return String.fromCharCode(c(0), c(1));
    case 3:
      return String.fromCharCode(c(0), c(1), c(2));
    case 4:
      return String.fromCharCode(c(0), c(1), c(2), c(3));
    case 5:
      return String.fromCharCode(c(0), c(1), c(2), c(3), c(4));
    case 6:
      return String.fromCharCode(c(0), c(1), c(2), c(3), c(4), c(5));
    case 7:
      return String.fromCharCode(c(0), c(1), c(2), c(3), c(4), c(5), c(6));
    default:
      return String.fromCharCode(c(0), c(1), c(2), c(3), c(4), c(5), c(6), c(7));
  }
}
