import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { epochMillis } from 'millrace';
import { z } from 'zod';

/** Dates such as `2001/01/01 00:47` carry no zone: they are read as UTC, wherever this runs. */
const utcTime = z.union([z.string(), z.date()]).transform((date, check) => {
  const time = typeof date === 'string' ? Date.parse(`${date.replaceAll('/', '-').replace(' ', 'T')}Z`) : +date;
  if (Number.isNaN(time)) check.addIssue({ code: 'custom', message: `no time: ${String(date)}` });
  return epochMillis(time);
});

/** A departure. `date` is when it was scheduled, `delay` in minutes, early ones negative; `distance` in miles. */
export const Flight = z.object({
  date: utcTime,
  delay: z.number(),
  distance: z.number(),
  origin: z.string(),
  destination: z.string(),
});

export type Flight = z.infer<typeof Flight>;

/** A flight is late from here on, in minutes. */
export const LATE = 15;

/** A file of the package `vega-datasets`. */
export function dataset(name: string): string {
  const entry = createRequire(import.meta.url).resolve('vega-datasets');
  return join(dirname(entry), '..', 'data', name);
}
