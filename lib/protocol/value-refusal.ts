/** Why a value cannot be encoded: which part of it, and where. Looked for only after the codec has refused the whole. */
import { MillraceError } from '../model/index.ts';
import { typedArrayKind } from './typed-array.ts';

/** How deep arrays, objects, maps and sets may be nested. */
export const MAX_VALUE_DEPTH = 128;

/** Thrown from deep inside the codec; whoever holds the whole value turns it into an error that names the path. */
export const REFUSED = Symbol('refused');

/** The error for a value of which some part was refused: finds the part again and names its path. */
export function refusal(value: unknown, path = ''): MillraceError {
  const found = findRefused(value, path, 0);
  const { what, hint } = found ?? { what: 'a value', hint: undefined };
  const at =
    found === undefined || found.path === ''
      ? ''
      : ` at ${found.path.startsWith('.') ? found.path.slice(1) : found.path}`;
  return new MillraceError('bad-record', `${what} cannot be encoded${at}`, { hint: hint ?? HINT });
}

const HINT =
  'use plain data: numbers, bigints, strings, booleans, dates, arrays, plain objects, maps, sets and typed arrays';

interface Found {
  readonly path: string;
  readonly what: string;
  readonly hint?: string;
}

function findRefused(value: unknown, path: string, depth: number): Found | undefined {
  if (typeof value === 'function' || typeof value === 'symbol') return { path, what: `a ${typeof value}` };
  if (typeof value !== 'object' || value === null) return undefined;
  if (depth >= MAX_VALUE_DEPTH) {
    const hint = 'a value must not contain itself, directly or through others';
    return {
      path: `${path.slice(0, 60)}...`,
      what: `a value nested more than ${MAX_VALUE_DEPTH} deep, or a cycle,`,
      hint,
    };
  }
  const parts: Iterable<readonly [string, unknown]> | undefined = partsOf(value);
  if (parts === undefined) {
    if (value instanceof Promise)
      return { path, what: 'a promise', hint: 'await it first: an async operator is for that' };
    const made: unknown = Object.getPrototypeOf(value)?.constructor;
    return {
      path,
      what: `a value of class ${typeof made === 'function' && made.name !== '' ? made.name : '(unnamed)'}`,
    };
  }
  for (const [name, part] of parts) {
    const found = findRefused(part, path + name, depth + 1);
    if (found !== undefined) return found;
  }
  return undefined;
}

function partsOf(value: object): readonly (readonly [string, unknown])[] | undefined {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (Array.isArray(value) && prototype === Array.prototype) return value.map((item, i) => [`[${i}]`, item] as const);
  if (prototype === Object.prototype || prototype === null) {
    return Object.entries(value).map(([name, item]) => [`.${name}`, item] as const);
  }
  if (prototype === Map.prototype) {
    return [...(value as Map<unknown, unknown>)].flatMap(([key, item], i) => [
      [`.key(${i})`, key] as const,
      [`.get(${String(key)})`, item] as const,
    ]);
  }
  if (prototype === Set.prototype) return [...(value as Set<unknown>)].map((item, i) => [`.item(${i})`, item] as const);
  const known = prototype === Date.prototype || typedArrayKind(prototype) >= 0;
  return known ? [] : undefined;
}
