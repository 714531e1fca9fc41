import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { epochMillis } from 'millrace';
import { z } from 'zod';

const millis = z.number().int().transform(epochMillis);

/** A feature of the GeoJSON feed of the USGS, as one flat record. `time` is when the earth shook, `updated` when the record last changed. */
export const Quake = z
  .object({
    id: z.string(),
    properties: z.object({ mag: z.number(), place: z.string(), net: z.string(), time: millis, updated: millis }),
    geometry: z.object({ coordinates: z.tuple([z.number(), z.number(), z.number()]) }),
  })
  .transform(({ id, properties: { mag, place, net, time, updated }, geometry }) => {
    const [longitude, latitude] = geometry.coordinates;
    return { id, magnitude: mag, place, network: net, time, updated, latitude, longitude };
  });

export type Quake = z.infer<typeof Quake>;

/** As far as the order of rows needs it. */
export interface Feature {
  readonly properties: { readonly updated: number };
}

/** One week of earthquakes, in the package `vega-datasets`. */
export function earthquakesFile(): string {
  const entry = createRequire(import.meta.url).resolve('vega-datasets');
  return join(dirname(entry), '..', 'data', 'earthquakes.json');
}
