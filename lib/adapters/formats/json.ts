import { MillraceError, messageOf } from '../../model/index.ts';
import type { Format } from '../../ports/index.ts';
import { textOf } from './text.ts';

/**
 * One JSON value in UTF-8. Written as JSON.stringify does: dates as ISO strings, `undefined` fields left out, NaN and infinities as null; bigints
 * as strings. Numbers beyond 2^53 lose digits when read, as in all of JavaScript.
 */
export function json<T = unknown>(): Format<T> {
  return {
    kind: 'json',
    options: {},
    open: async () => ({
      decode: (bytes) => parsed(textOf(bytes)) as T,
      encode: (value) => Buffer.from(stringified(value)),
    }),
  };
}

/** The value that a text is. Throws `bad-record` where it is no JSON. */
export function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new MillraceError('bad-record', `it is no JSON: ${messageOf(error)}`, { cause: error });
  }
}

/** A value as JSON, bigints as strings. Throws `bad-record` for what JSON cannot hold. */
export function stringified(value: unknown): string {
  let text: string | undefined;
  try {
    text = quickly(value) ?? JSON.stringify(value, (_, part) => (typeof part === 'bigint' ? part.toString() : part));
  } catch (error) {
    throw new MillraceError('bad-record', `it cannot be written as JSON: ${messageOf(error)}`, {
      hint: 'map it to plain data before the sink',
      cause: error,
    });
  }
  if (text !== undefined) return text;
  throw new MillraceError('bad-record', `it cannot be written as JSON: a ${typeof value} has none`, {
    hint: 'map it to plain data before the sink',
  });
}

/** As JSON if nothing in it needs a function that looks at every part, which takes several times as long. */
function quickly(value: unknown): string | undefined {
  try {
    return JSON.stringify(value);
  } catch {
    return undefined;
  }
}
