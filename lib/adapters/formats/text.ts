import { MillraceError } from '../../model/index.ts';
import type { Format } from '../../ports/index.ts';

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false });

/** UTF-8 text. Bytes that are no UTF-8 are a bad record, never replaced. */
export function text(): Format<string> {
  return {
    kind: 'text',
    options: {},
    open: async () => ({ decode: textOf, encode: (value) => Buffer.from(value) }),
  };
}

/** The text that bytes are. Throws `bad-record` where they are no UTF-8. */
export function textOf(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch (error) {
    throw new MillraceError('bad-record', 'it is no UTF-8', { cause: error });
  }
}
