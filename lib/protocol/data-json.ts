/**
 * Plain data as JSON text without loss: commit headers and run records hold infinities, `undefined` inside arrays and bigints,
 * which JSON alone drops or refuses. Such a value is written as an object with the one key "~"; an object of the data that has a
 * key "~" is wrapped in one. Data without any of these, the common case, is written as ordinary JSON and parsed as such.
 */
const MARK = '~';

/** The data as JSON text. Properties that are undefined are left out. Throws a TypeError for what is not data (a function, a cycle). */
export function dataToJson(value: unknown): string {
  return JSON.stringify(marked(value));
}

/** The data that `dataToJson` wrote. Throws a SyntaxError if the text is not JSON. */
export function dataFromJson(text: string): unknown {
  const value: unknown = JSON.parse(text);
  return text.includes('"~"') ? unmarked(value) : value;
}

function marked(value: unknown): unknown {
  switch (typeof value) {
    case 'number':
      if (Number.isFinite(value)) return value;
      return { [MARK]: Number.isNaN(value) ? 'nan' : value > 0 ? 'inf' : '-inf' };
    case 'bigint':
      return { [MARK]: 'bigint', value: value.toString() };
    case 'undefined':
      return { [MARK]: 'undefined' };
    case 'function':
    case 'symbol':
      throw new TypeError(`a ${typeof value} is not data`);
    case 'object':
      if (value === null) return null;
      return Array.isArray(value) ? markedArray(value) : markedObject(value as Record<string, unknown>);
    default:
      return value;
  }
}

function markedArray(array: readonly unknown[]): readonly unknown[] {
  let copy: unknown[] | undefined;
  for (let i = 0; i < array.length; i++) {
    const value = array[i];
    const written = marked(value);
    if (written === value) continue;
    copy ??= array.slice();
    copy[i] = written;
  }
  return copy ?? array;
}

function markedObject(object: Record<string, unknown>): unknown {
  let copy: Record<string, unknown> | undefined;
  for (const key in object) {
    const value = object[key];
    if (value === undefined) continue;
    const written = marked(value);
    if (written === value) continue;
    copy ??= { ...object };
    define(copy, key, written);
  }
  const plain = copy ?? object;
  return MARK in object ? { [MARK]: 'object', value: plain } : plain;
}

function unmarked(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(unmarked);
  const object = value as Record<string, unknown>;
  if (!(MARK in object)) return unmarkedFields(object);
  switch (object[MARK]) {
    case 'inf':
      return Number.POSITIVE_INFINITY;
    case '-inf':
      return Number.NEGATIVE_INFINITY;
    case 'nan':
      return Number.NaN;
    case 'undefined':
      return undefined;
    case 'bigint':
      return BigInt(object['value'] as string);
    default:
      return unmarkedFields(object['value'] as Record<string, unknown>);
  }
}

function unmarkedFields(object: Record<string, unknown>): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  for (const key of Object.keys(object)) {
    define(result, key, unmarked(object[key]));
  }
  return result;
}

/** Sets a property of the object's own, whatever its name: an assignment to `__proto__` would set none. */
function define(object: Record<string, unknown>, key: string, value: unknown): void {
  if (key !== '__proto__') object[key] = value;
  else Object.defineProperty(object, key, { value, enumerable: true, writable: true, configurable: true });
}
