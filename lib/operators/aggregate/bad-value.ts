import { MillraceError } from '../../model/index.ts';

/** The error for a selected value that an aggregation cannot take. */
export function badValue(aggregation: string, wanted: string, value: unknown): MillraceError {
  return new MillraceError('bad-record', `${aggregation} needs ${wanted}: ${shown(value)}`, {
    hint: `filter such records out before the aggregation, or give ${aggregation} a selector that yields ${wanted} for them`,
  });
}

/** The error for an aggregation declared with an argument out of its range. */
export function badArgument(aggregation: string, rule: string, value: unknown): MillraceError {
  return new MillraceError('invalid-pipeline', `${aggregation}: ${rule}: ${shown(value)}`, {
    hint: `correct the argument of ${aggregation}`,
  });
}

/** Throws for an aggregation declared without one of its functions. */
export function needFunction(aggregation: string, fn: unknown): void {
  if (typeof fn !== 'function') throw badArgument(aggregation, 'it takes a function', fn);
}

function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 80 ? `${value.slice(0, 80)}...` : value);
  if (typeof value === 'function' || typeof value === 'symbol') return typeof value;
  if (typeof value === 'object' && value !== null && !(value instanceof Date))
    return Array.isArray(value) ? 'an array' : 'an object';
  return typeof value === 'bigint' ? `${value}n` : String(value);
}
