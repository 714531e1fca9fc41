import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Workplace } from '../cli/command.ts';
import { airports, dataset } from './airports-by-hand.ts';

interface Flight {
  readonly date: string;
  readonly delay: number;
  readonly origin: string;
  readonly destination: string;
}

const flights = JSON.parse(dataset('flights-20k.json')) as Flight[];

describe('examples/routes', { timeout: 90_000 }, () => {
  it('finds what a plain computation finds', async ({ onTestFinished }) => {
    const place = new Workplace({ onTestFinished });
    const example = new URL('../../examples/routes', import.meta.url).pathname;
    const run = await place.millrace(['run', example, '--json']);
    expect(run).toMatchObject({ code: 0 });
    const read = (name: string): Record<string, unknown>[] =>
      readFileSync(place.path('out', 'routes', `${name}.jsonl`), 'utf8')
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as Record<string, unknown>);

    const byRoute = Map.groupBy(flights, ({ origin, destination }) => `${origin} ${destination}`);
    const routes = [...byRoute.values()].map((own) => {
      const { origin, destination } = own[0]!;
      const delay = own.reduce((sum, flight) => sum + flight.delay, 0);
      return {
        ...{ origin, destination, from: airports.get(origin)!.city, to: airports.get(destination)!.city },
        ...{ flights: own.length, meanDelay: Math.round((10 * delay) / own.length) / 10 },
      };
    });
    expect(sorted(read('routes'))).toEqual(sorted(routes));

    const byState = Map.groupBy(routes, ({ origin }) => airports.get(origin)!.state);
    const states = [...byState].map(([state, own]) => ({
      ...{ state, departures: own.reduce((sum, route) => sum + route.flights, 0), routes: own.length },
      airports: [...airports.values()].filter((airport) => airport.state === state).length,
    }));
    expect(sorted(read('states'))).toEqual(sorted(states));

    const veryLate = read('very-late');
    expect(veryLate).toHaveLength(flights.filter(({ delay }) => delay > 240).length);
    for (const { origin, from, destination, to } of veryLate) {
      expect([null, airports.get(origin as string)!.city]).toContain(from);
      expect([null, airports.get(destination as string)!.city]).toContain(to);
    }
  });
});

const sorted = (rows: readonly object[]): string[] => rows.map((row) => JSON.stringify(row)).sort();
