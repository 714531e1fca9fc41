import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Workplace } from '../cli/command.ts';
import { airports, dataset } from './airports-by-hand.ts';

interface Flight {
  readonly date: string;
  readonly delay: number;
  readonly origin: string;
}

const WEEK = 7 * 24 * 3_600_000;

describe('examples/flights/named.ts', { timeout: 90_000 }, () => {
  it('finds the place of each airport, whichever file was read first', async ({ onTestFinished }) => {
    const place = new Workplace({ onTestFinished });
    const example = new URL('../../examples/flights/named.ts', import.meta.url).pathname;
    expect(await place.millrace(['run', example, '--json'])).toMatchObject({ code: 0 });
    const found = readFileSync(place.path('out', 'flights', 'weeks.jsonl'), 'utf8')
      .trimEnd()
      .split('\n');

    const weeks = new Map<string, number[]>();
    for (const { date, delay, origin } of JSON.parse(dataset('flights-20k.json')) as Flight[]) {
      const time = Date.parse(`${date.replaceAll('/', '-').replace(' ', 'T')}Z`);
      const week = new Date(time - (time % WEEK)).toISOString().slice(0, 10);
      const name = `${origin} ${week}`;
      weeks.set(name, [...(weeks.get(name) ?? []), delay]);
    }
    const expected = [...weeks].map(([name, delays]) => {
      const [origin, week] = name.split(' ') as [string, string];
      const { city, state } = airports.get(origin)!;
      const mean = delays.reduce((a, b) => a + b, 0) / delays.length;
      return JSON.stringify({
        ...{ origin, place: `${city}, ${state}`, week },
        ...{ departures: delays.length, meanDelay: Math.round(mean * 10) / 10 },
      });
    });
    expect(found.sort()).toEqual(expected.sort());
  });
});
