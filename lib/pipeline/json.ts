import type { Json } from '../ports/index.ts';

/** A connector's or operator's options as the JSON they become in the plan, a copy; null where they have none. */
export function jsonOf(options: unknown): Json {
  const text = options === undefined ? undefined : JSON.stringify(options, withoutBigints);
  return text === undefined ? null : (JSON.parse(text) as Json);
}

/** JSON has none. */
const withoutBigints = (_name: string, value: unknown): unknown => (typeof value === 'bigint' ? `${value}n` : value);
