/**
 * Keys, and their identity. A key may be a string, a number, a bigint, or a tuple or plain object of those. Its identity, a
 * `KeyId`, is a primitive: equal keys have equal ids and distinct keys distinct ones, so that it serves as a key of a Map, travels
 * in frames and orders timers. Common keys are their own ids; nothing is allocated for them.
 */
import { MillraceError } from './error.ts';
import { partitionOfBytes, partitionOfDigits, partitionOfText } from './murmur2.ts';

/** What `keyBy` may return. Booleans, null, undefined, NaN, infinities, dates and class instances are not keys. */
export type Key = string | number | bigint | readonly Key[] | { readonly [name: string]: Key };

/**
 * The identity of a key: a number or bigint itself (-0 is 0), a string itself unless it begins with U+0000, which is then doubled;
 * of a tuple or object U+0000 and its canonical text: JSON with properties sorted by name and bigints as digits and `n`.
 */
export type KeyId = string | number | bigint;

const MARK = '\u0000';
const MAX_DEPTH = 64;
const encoder = new TextEncoder();

/** The identity of a key. Throws `bad-record` for anything that is not a `Key`, naming what it is and where in the key. */
export function keyIdOf(key: unknown): KeyId {
  if (typeof key === 'string') return key.charCodeAt(0) === 0 ? MARK + key : key;
  if (typeof key === 'number') {
    if (Number.isFinite(key)) return key + 0;
  } else if (typeof key === 'bigint') return key;
  else if (typeof key === 'object' && key !== null) return MARK + canonical(key, '', 0);
  throw notKey(key, '');
}

/** The key of an identity: a copy equal to the one it was made from. Throws `incompatible` for a text that no key has. */
export function keyOf(id: KeyId): Key {
  if (typeof id !== 'string' || id.charCodeAt(0) !== 0) return id;
  if (id.charCodeAt(1) === 0) return id.slice(1);
  return new CanonicalText(id, 1).whole();
}

/** A total order: numbers by value, then bigints by value, then strings by UTF-16 code unit (composites first, by their text). */
export function compareKeyIds(a: KeyId, b: KeyId): number {
  if (typeof a === typeof b) return a < b ? -1 : a > b ? 1 : 0;
  return rank(a) - rank(b);
}

/** What Kafka's partitioner hashes: UTF-8 of a string, decimal text of a number or bigint, canonical text of a composite. */
export function partitionBytes(id: KeyId): Uint8Array {
  return Buffer.from(partitionText(id));
}

/** The partition of a key as Kafka's default partitioner has it: murmur2 over its bytes, made positive, modulo `partitions`. */
export function partitionOf(id: KeyId, partitions: number): number {
  if (typeof id === 'number' && id >= 0 && Number.isSafeInteger(id)) return partitionOfDigits(id, partitions);
  const text = typeof id === 'string' && id.charCodeAt(0) !== 0 ? id : partitionText(id);
  const partition = partitionOfText(text, partitions);
  return partition >= 0 ? partition : partitionOfBytes(encoder.encode(text), partitions);
}

/** A key for people: a string as it is, anything else as its canonical text. */
export const describeKey = (id: KeyId): string => partitionText(id);

function partitionText(id: KeyId): string {
  if (typeof id !== 'string') return String(id);
  return id.charCodeAt(0) === 0 ? id.slice(1) : id;
}

function rank(id: KeyId): number {
  return typeof id === 'number' ? 0 : typeof id === 'bigint' ? 1 : 2;
}

function canonical(key: unknown, path: string, depth: number): string {
  if (typeof key === 'string') return JSON.stringify(key);
  if (typeof key === 'number' && Number.isFinite(key)) return String(key + 0);
  if (typeof key === 'bigint') return `${key}n`;
  if (typeof key !== 'object' || key === null) throw notKey(key, path);
  if (depth >= MAX_DEPTH)
    throw new MillraceError('bad-record', `a key is nested more than ${MAX_DEPTH} deep, or a cycle`);
  if (Array.isArray(key)) {
    let text = '[';
    for (let i = 0; i < key.length; i++) {
      text += (i === 0 ? '' : ',') + canonical(key[i], `${path}[${i}]`, depth + 1);
    }
    return `${text}]`;
  }
  const prototype: unknown = Object.getPrototypeOf(key);
  if ((prototype !== Object.prototype && prototype !== null) || Object.getOwnPropertySymbols(key).length > 0) {
    throw notKey(key, path);
  }
  let text = '{';
  for (const name of Object.keys(key).sort()) {
    const value = canonical((key as Record<string, unknown>)[name], `${path}.${name}`, depth + 1);
    text += `${text === '{' ? '' : ','}${JSON.stringify(name)}:${value}`;
  }
  return `${text}}`;
}

function notKey(got: unknown, path: string): MillraceError {
  const where = path === '' ? 'a key' : `${path} of a key`;
  const hint =
    got instanceof Date
      ? 'use its time in milliseconds: date.getTime()'
      : typeof got === 'boolean'
        ? 'use a string or a number: String(flag)'
        : 'a key is a string, a finite number, a bigint, or a tuple or plain object of those';
  return new MillraceError('bad-record', `${where} cannot be ${nameOf(got)}`, { hint });
}

function nameOf(got: unknown): string {
  if (typeof got === 'number' || got === null || got === undefined) return String(got);
  if (typeof got !== 'object') return `a ${typeof got}`;
  const made: unknown = Object.getPrototypeOf(got)?.constructor;
  return typeof made === 'function' && made !== Object ? `an instance of ${made.name}` : 'an object with symbols';
}

/** Reads the canonical text of a composite key. */
class CanonicalText {
  readonly #text: string;
  #at: number;

  constructor(text: string, at: number) {
    this.#text = text;
    this.#at = at;
  }

  whole(): Key {
    const key = this.#key();
    if (this.#at !== this.#text.length) throw this.#damaged();
    return key;
  }

  #key(): Key {
    const c = this.#text[this.#at];
    if (c === '"') return this.#string();
    if (c === '[') return this.#tuple();
    if (c === '{') return this.#object();
    const start = this.#at;
    while (this.#at < this.#text.length && !',]}'.includes(this.#text[this.#at] as string)) this.#at++;
    const digits = this.#text.slice(start, this.#at);
    if (/^-?\d+n$/.test(digits)) return BigInt(digits.slice(0, -1));
    const number = Number(digits);
    if (digits === '' || !Number.isFinite(number)) throw this.#damaged();
    return number;
  }

  #string(): string {
    const start = this.#at++;
    while (this.#at < this.#text.length && this.#text[this.#at] !== '"')
      this.#at += this.#text[this.#at] === '\\' ? 2 : 1;
    this.#at++;
    try {
      return JSON.parse(this.#text.slice(start, this.#at)) as string;
    } catch {
      throw this.#damaged();
    }
  }

  #tuple(): Key {
    const items: Key[] = [];
    this.#at++;
    while (!this.#ends(']', items.length > 0)) items.push(this.#key());
    return items;
  }

  #object(): Key {
    const entries: [string, Key][] = [];
    this.#at++;
    while (!this.#ends('}', entries.length > 0)) {
      const name = this.#string();
      if (this.#text[this.#at++] !== ':') throw this.#damaged();
      entries.push([name, this.#key()]);
    }
    return Object.fromEntries(entries);
  }

  #ends(end: string, comma: boolean): boolean {
    const c = this.#text[this.#at];
    if (c === end) this.#at++;
    else if (comma && c === ',') this.#at++;
    else if (comma || c === undefined) throw this.#damaged();
    return c === end;
  }

  #damaged(): MillraceError {
    return new MillraceError('incompatible', `damaged key ${JSON.stringify(this.#text)} at ${this.#at}`);
  }
}
