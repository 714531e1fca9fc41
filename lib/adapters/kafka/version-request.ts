import { MillraceError } from '../../model/index.ts';
import type { Exchange } from './exchange.ts';

export type ApiVersions = Readonly<Record<number, { readonly minVersion: number; readonly maxVersion: number }>>;

/** Which versions of which requests a broker takes. (ApiVersions 0) */
export const apiVersions: Exchange<ApiVersions> = {
  name: 'ApiVersions',
  apiKey: 18,
  apiVersion: 0,
  flexible: false,
  encode: () => {},
  decode: (reader) => {
    reader.int16();
    return Object.fromEntries(
      reader.array(() => [reader.int16(), { minVersion: reader.int16(), maxVersion: reader.int16() }]),
    );
  },
};

/** The newest requests in use: Fetch by topic id, Metadata with topic ids, OffsetFetch of stable offsets. */
const needed: readonly (readonly [name: string, apiKey: number, version: number])[] = [
  ['Fetch', 1, 13],
  ['Metadata', 3, 10],
  ['OffsetFetch', 9, 7],
];

/** Throws for a broker that is too old. */
export function requireVersions(versions: ApiVersions, address: string): void {
  const missing = needed.filter(([, key, version]) => (versions[key]?.maxVersion ?? -1) < version);
  if (missing.length === 0) return;
  throw new MillraceError(
    'unavailable',
    `the kafka broker ${address} is too old: it lacks ${missing.map(([name, , version]) => `${name} ${version}`).join(', ')}`,
    { retry: false, hint: 'use Apache Kafka 3.1 or newer, or a service that speaks its protocol' },
  );
}
