/** What the examples with airports are held against, read without millrace. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

/** A file of the package `vega-datasets`. */
export const dataset = (name: string): string =>
  readFileSync(
    createRequire(import.meta.url)
      .resolve('vega-datasets')
      .replace('build/index.js', `data/${name}`),
    'utf8',
  );

/** City and state of each airport, by its code. A field with commas stands in quotes. */
export const airports: ReadonlyMap<string, { readonly city: string; readonly state: string }> = new Map(
  dataset('airports.csv')
    .trimEnd()
    .split('\n')
    .slice(1)
    .map((line) => {
      const fields = line.match(/("([^"]|"")*"|[^,]*)(,|$)/g)!.map((f) => f.replace(/,$/, '').replace(/^"|"$/g, ''));
      return [fields[0]!, { city: fields[2]!, state: fields[3]! }] as const;
    }),
);
