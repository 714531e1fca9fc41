import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { epochMillis } from 'millrace';
import { z } from 'zod';

/** Dates such as `2001/01/01 00:47` carry no zone: they are read as UTC. */
const utcTime = z
  .string()
  .transform((date) => epochMillis(Date.parse(`${date.replaceAll('/', '-').replace(' ', 'T')}Z`)));

/** A departure; `delay` in minutes, early ones negative. */
export const Flight = z.object({ date: utcTime, delay: z.number(), origin: z.string(), destination: z.string() });
export type Flight = z.infer<typeof Flight>;

export const Airport = z.object({ iata: z.string(), name: z.string(), city: z.string(), state: z.string() });
export type Airport = z.infer<typeof Airport>;

/** The airports are no events: all are known since before the first flight. */
export const KNOWN_SINCE = epochMillis(Date.UTC(2001, 0, 1));

/** A file of the package `vega-datasets`. */
export function dataset(name: string): string {
  const entry = createRequire(import.meta.url).resolve('vega-datasets');
  return join(dirname(entry), '..', 'data', name);
}
