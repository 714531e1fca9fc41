import { jsonOf } from './to-jsonl.ts';

/** Types of Parquet columns that are written. `integer` is INT64, `timestamp` in milliseconds of UTC, `json` anything else as text. */
export type ParquetType = 'string' | 'number' | 'integer' | 'boolean' | 'timestamp' | 'json';

/** A record as one line of JSON that keeps dates, bigints and numbers that JSON has no words for. */
export function stagedLine(value: unknown): string {
  const plain = typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);
  const row: Record<string, unknown> = {};
  for (const [name, field] of Object.entries(plain ? value : { value })) {
    const cell = stagedCell(field);
    if (cell !== undefined) row[name] = cell;
  }
  return JSON.stringify(row);
}

function stagedCell(value: unknown): unknown {
  if (value === null || value === undefined) return undefined;
  if (typeof value === 'bigint') return { b: value.toString() };
  if (typeof value === 'number') return Number.isFinite(value) ? value : { n: String(value) };
  if (value instanceof Date) return { t: value.getTime() };
  return typeof value === 'object' ? { j: jsonOf(value) } : value;
}

/** The narrowest type that holds both a column's type so far and this cell. */
export function widened(type: ParquetType | undefined, cell: unknown): ParquetType {
  const own = typeOf(cell);
  if (type === undefined || type === own) return own;
  const numeric = (type === 'integer' || type === 'number') && (own === 'integer' || own === 'number');
  return numeric ? 'number' : 'json';
}

function typeOf(cell: unknown): ParquetType {
  if (typeof cell === 'string') return 'string';
  if (typeof cell === 'boolean') return 'boolean';
  if (typeof cell === 'number') return Number.isSafeInteger(cell) && !Object.is(cell, -0) ? 'integer' : 'number';
  const tagged = cell as { readonly b?: string; readonly t?: number; readonly n?: string };
  if (tagged.b !== undefined) return 'integer';
  if (tagged.n !== undefined) return 'number';
  return tagged.t === undefined ? 'json' : 'timestamp';
}

/** A staged cell as a value of a column of that type; undefined if it is none, null where the cell is missing. */
export function cellValue(cell: unknown, type: ParquetType): unknown {
  if (cell === undefined || cell === null) return null;
  const own = typeOf(cell);
  const tagged = cell as { readonly b?: string; readonly t?: number; readonly n?: string; readonly j?: string };
  if (type === 'json')
    return own === 'json' ? JSON.parse(tagged.j ?? 'null') : (tagged.b ?? tagged.n ?? jsonDate(tagged.t) ?? cell);
  if (type === 'integer') return own === 'integer' ? BigInt(tagged.b ?? (cell as number)) : undefined;
  if (type === 'number')
    return own === 'integer' || own === 'number' ? Number(tagged.b ?? tagged.n ?? cell) : undefined;
  if (own !== type) return undefined;
  return type === 'timestamp' ? new Date(tagged.t ?? Number.NaN) : cell;
}

const jsonDate = (time: number | undefined): string | undefined =>
  time === undefined ? undefined : new Date(time).toISOString();
