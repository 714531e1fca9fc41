import { type KeyId, MillraceError } from '../model/index.ts';
import { encodeValue } from '../protocol/index.ts';

/** Room for a message's header beside one record. */
const HEADER_BYTES = 1_024;

/** Refuses a record that cannot be encoded, or that no message of `limit` bytes can hold with its key. */
export function refuseUnfit(value: unknown, key: KeyId | undefined, limit: number): void {
  const bytes = encodeValue(value).length + (key === undefined ? 0 : encodeValue(key).length);
  if (bytes + HEADER_BYTES <= limit) return;
  throw new MillraceError(
    'bad-record',
    `a record of ${bytes} bytes is longer than the ${limit} bytes that the log takes`,
    {
      hint: 'emit smaller records, or raise the limit of the log',
    },
  );
}
