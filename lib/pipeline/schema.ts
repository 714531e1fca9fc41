import type { StandardSchemaV1 } from '@standard-schema/spec';

/**
 * What a schema checks, as data for a fingerprint: zod's definitions, valibot's plain objects, arktype's JSON. Of other libraries only the name is
 * known, so a change there must be told by the pipeline's `version`.
 */
export function describeSchema(schema: StandardSchemaV1): unknown {
  const vendor: unknown = schema?.['~standard']?.vendor;
  if (vendor === 'arktype') return [vendor, (schema as { json?: unknown }).json];
  if (vendor === 'zod' || vendor === 'valibot') return [vendor, definitionOf(schema, new Set())];
  return [vendor];
}

/** Definitions refer to each other, and may do so in circles; what libraries keep beside them for speed is left out. */
function definitionOf(value: unknown, path: Set<object>): unknown {
  if (typeof value !== 'object' || value === null || value instanceof Date || value instanceof RegExp) {
    if (typeof value !== 'function' || !('_zod' in value)) return value;
  }
  const held = value as object;
  if (path.has(held)) return 'circle';
  path.add(held);
  try {
    const zod = (held as { _zod?: { def?: object } })._zod;
    if (zod !== undefined) return definitionOf(zod.def, path);
    if (Array.isArray(held)) return held.map((item) => definitionOf(item, path));
    const entries = Object.keys(held).filter((name) => !name.startsWith('~'));
    return Object.fromEntries(
      entries.map((name) => [name, definitionOf((held as Record<string, unknown>)[name], path)]),
    );
  } finally {
    path.delete(held);
  }
}
