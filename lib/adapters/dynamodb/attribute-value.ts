import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import { MillraceError } from '../../model/index.ts';

/** Beyond this DynamoDB holds no number (its developer guide: magnitudes up to 9.9e125, and at least 1e-130). */
const LARGEST = 9.9e125;
const SMALLEST = 1e-130;

/**
 * A value as DynamoDB's own: strings, numbers, bigints (as numbers, up to 38 digits), booleans, null, bytes, lists and maps; a date as its ISO string. Fields that
 * are undefined are left out. Throws `bad-record` for anything else, naming the field.
 */
export function attributeOf(value: unknown, path: string): AttributeValue {
  switch (typeof value) {
    case 'string':
      return { S: value };
    case 'boolean':
      return { BOOL: value };
    case 'number': {
      const size = Math.abs(value);
      if (size <= LARGEST && (size >= SMALLEST || value === 0)) return { N: String(value) };
      throw unfit(`the number ${value}`, path);
    }
    case 'bigint':
      if (/^-?\d{1,38}$/.test(String(value))) return { N: String(value) };
      throw unfit('a bigint of more than 38 digits', path);
    case 'object':
      return ofObject(value, path);
    default:
      throw unfit(`a ${typeof value}`, path);
  }
}

/** The fields of a record as attributes. Throws `bad-record` where it is no record, or a field does not fit. */
export function attributesOf(value: unknown, path = ''): Record<string, AttributeValue> {
  if (typeof value !== 'object' || value === null || !isPlain(value)) throw unfit(describe(value), path);
  const attributes: Record<string, AttributeValue> = {};
  for (const [name, part] of Object.entries(value)) {
    if (part !== undefined) attributes[name] = attributeOf(part, path === '' ? name : `${path}.${name}`);
  }
  return attributes;
}

function ofObject(value: object | null, path: string): AttributeValue {
  if (value === null) return { NULL: true };
  if (value instanceof Uint8Array) return { B: value };
  if (value instanceof Date) {
    if (Number.isNaN(value.getTime())) throw unfit('an invalid date', path);
    return { S: value.toISOString() };
  }
  if (Array.isArray(value)) return { L: value.map((part, i) => attributeOf(part ?? null, `${path}[${i}]`)) };
  return { M: attributesOf(value, path) };
}

function isPlain(value: object): boolean {
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

const describe = (value: unknown): string =>
  typeof value === 'object' && value !== null ? `a ${value.constructor?.name ?? 'object'}` : `a ${typeof value}`;

function unfit(what: string, path: string): MillraceError {
  const where = path === '' ? 'an item' : `field ${path} of an item`;
  return new MillraceError('bad-record', `${where} of DynamoDB cannot hold ${what}`, {
    hint: 'map it to a record of strings, numbers, booleans, bytes, lists and objects before the sink',
  });
}
