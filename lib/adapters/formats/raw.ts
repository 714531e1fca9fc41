import type { Format } from '../../ports/index.ts';

/** The bytes as they are. */
export function raw(): Format<Uint8Array> {
  return {
    kind: 'raw',
    options: {},
    open: async () => ({ decode: (bytes) => bytes, encode: (value) => value }),
  };
}
