import type { Headers } from './record-batch.ts';

/** A record that carries the trace it belongs to: `traceparent` as in W3C Trace Context. */
export interface Traced {
  readonly traceparent?: string;
}

/** The header's name, and the field's. */
const TRACEPARENT = 'traceparent';
/** Version, trace id, parent id and flags; later versions may have more behind. (W3C Trace Context, 3.2.2) */
const WELL_FORMED = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(-.*)?$/;
const LONGEST = 128;

const isWellFormed = (text: string): boolean => text.length <= LONGEST && WELL_FORMED.test(text);

/** The record with the trace that its message's headers name, if they do and it is an object. */
export function withTrace(record: unknown, headers: Headers): unknown {
  if (headers.length === 0 || typeof record !== 'object' || record === null) return record;
  const said = headers.findLast(([name]) => name === TRACEPARENT)?.[1];
  if (said === undefined || said.length > LONGEST) return record;
  const traceparent = Buffer.from(said).toString('latin1');
  return isWellFormed(traceparent) ? { ...record, traceparent } : record;
}

/** The header of the trace that a record carries, if it carries one. */
export function traceOf(record: unknown): readonly [name: string, value: Uint8Array] | undefined {
  if (typeof record !== 'object' || record === null) return undefined;
  const { traceparent } = record as { readonly traceparent?: unknown };
  if (typeof traceparent !== 'string' || !isWellFormed(traceparent)) return undefined;
  return [TRACEPARENT, Buffer.from(traceparent, 'latin1')];
}
