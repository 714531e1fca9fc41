import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { describe, expect, it } from 'vitest';
import { Workplace } from '../cli/command.ts';
import { HOUR, iso, readRows, sorted } from './flights-by-hand.ts';

interface Row {
  readonly time: number;
  readonly delay: number;
  readonly origin: string;
  readonly destination: string;
}

const file = createRequire(import.meta.url)
  .resolve('vega-datasets')
  .replace('build/index.js', 'data/flights-20k.json');

const rows = (JSON.parse(readFileSync(file, 'utf8')) as (Omit<Row, 'time'> & { readonly date: string })[]).map(
  ({ date, ...rest }): Row => ({ ...rest, time: Date.parse(`${date.replaceAll('/', '-').replace(' ', 'T')}:00Z`) }),
);

/** Every departure beside all of the opposite direction. */
function tripsByHand(): string[] {
  const byRoute = Map.groupBy(rows, ({ origin, destination }) => `${origin} ${destination}`);
  return rows.flatMap(({ origin, destination, time, delay }) => {
    const back = byRoute.get(`${destination} ${origin}`) ?? [];
    const returns = back.filter((other) => other.time >= time + HOUR && other.time <= time + 12 * HOUR);
    const trip = { from: origin, to: destination, departed: iso(time), delay };
    if (returns.length === 0) return [JSON.stringify({ ...trip, returned: null, returnDelay: null })];
    return returns.map((other) => JSON.stringify({ ...trip, returned: iso(other.time), returnDelay: other.delay }));
  });
}

describe('examples/flights/round-trips.ts', { timeout: 60_000 }, () => {
  it('finds the return legs that a plain comparison finds, and the departures without one', async ({
    onTestFinished,
  }) => {
    const place = new Workplace({ onTestFinished });
    const example = new URL('../../examples/flights/round-trips.ts', import.meta.url).pathname;
    const { code, stdout } = await place.millrace(['run', example, '--data-dir', 'data']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/trips +[\d,]+ +out\/flights\/round-trips\.jsonl/);
    const found = readRows(place.path('out', 'flights', 'round-trips.jsonl'));
    const expected = sorted(tripsByHand());
    expect(sorted(found)).toEqual(expected);
    expect(expected.filter((line) => !line.includes('"returned":null')).length).toBeGreaterThan(100);
  });
});
