import { MillraceError, messageOf } from '../lib/model/index.ts';
import type { ErrorData } from '../lib/operations/index.ts';

/** An error as data. */
export function errorData(error: unknown): ErrorData {
  if (!(error instanceof MillraceError)) return { kind: 'internal', message: messageOf(error) };
  const { kind, message, hint, where } = error;
  return { kind, message, where, ...(hint === undefined ? {} : { hint }) };
}
