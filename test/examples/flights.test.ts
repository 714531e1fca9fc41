import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { describe, expect, it } from 'vitest';
import { Workplace } from '../cli/command.ts';
import { alertsOf, expectWithinError, isLate, iso, readRows, sorted } from './flights-by-hand.ts';

interface Row {
  readonly time: number;
  readonly delay: number;
  readonly origin: string;
}

interface AirportDay {
  readonly airport: string;
  readonly day: string;
  readonly departures: number;
  readonly late: number;
  readonly lateShare: number;
  readonly mean: number;
  readonly median: number;
  readonly p95: number;
}

const file = createRequire(import.meta.url)
  .resolve('vega-datasets')
  .replace('build/index.js', 'data/flights-20k.json');

/** The input read by hand: the parts of a date by their places, as UTC. */
const rows = (JSON.parse(readFileSync(file, 'utf8')) as { date: string; delay: number; origin: string }[]).map(
  ({ date, delay, origin }): Row => {
    const [year, month, day, hour, minute] = date.split(/[/ :]/).map(Number) as [
      number,
      number,
      number,
      number,
      number,
    ];
    return { time: Date.UTC(year, month - 1, day, hour, minute), delay, origin };
  },
);

const grouped = <T>(items: readonly T[], by: (item: T) => string): Map<string, T[]> => Map.groupBy(items, by);

describe('examples/flights', { timeout: 90_000 }, () => {
  it('finds what a plain computation finds, in every time zone', async ({ onTestFinished }) => {
    const zones = ['America/Los_Angeles', 'Asia/Kolkata'];
    const places = zones.map(() => new Workplace({ onTestFinished }));
    const runs = await Promise.all(
      places.map((place, i) =>
        place.millrace(['run', example, '--data-dir', 'data'], { env: { TZ: zones[i] as string } }),
      ),
    );
    for (const { code, stdout } of runs) {
      expect(code).toBe(0);
      expect(stdout).toMatch(
        /The most delayed airports:\n +airport +departures +late +share late +mean delay\n +DFW +1103 +269 /,
      );
      expect(stdout).toMatch(/airport-days +6,901 +out\/flights\/airport-days\.jsonl/);
    }
    const [first, second] = places.map(resultsIn) as [Results, Results];
    expect(second).toEqual(first);
    checkAirportDays(first.airportDays);
    checkRanking(first.tenLatest, first.airportDays);
    expect(first.alerts).toEqual(sorted(alertsOf(rows).map((alert) => JSON.stringify(alert))));
  });
});

const example = new URL('../../examples/flights', import.meta.url).pathname;

interface Results {
  readonly airportDays: AirportDay[];
  readonly tenLatest: string[];
  readonly alerts: string[];
}

function resultsIn(place: Workplace): Results {
  const lines = (name: string): string[] => readRows(place.path('out', 'flights', name));
  return {
    airportDays: sorted(lines('airport-days.jsonl')).map((line) => JSON.parse(line)),
    tenLatest: sorted(lines('ten-latest.csv').slice(1)),
    alerts: sorted(lines('alerts.jsonl')),
  };
}

function checkAirportDays(found: readonly AirportDay[]): void {
  const expected = grouped(rows, ({ origin, time }) => `${origin} ${iso(time).slice(0, 10)}`);
  expect(found).toHaveLength(expected.size);
  for (const { airport, day, departures, late, lateShare, mean, median, p95 } of found) {
    const delays = (expected.get(`${airport} ${day}`) ?? []).map(({ delay }) => delay).sort((a, b) => a - b);
    const tardy = delays.filter(isLate).length;
    expect({ departures, late, lateShare }).toEqual({
      departures: delays.length,
      late: tardy,
      lateShare: tardy / delays.length,
    });
    expect(mean).toBeCloseTo(delays.reduce((a, b) => a + b, 0) / delays.length, 9);
    expectWithinError(median, delays, 0.5);
    expectWithinError(p95, delays, 0.95);
  }
}

function checkRanking(found: readonly string[], airportDays: readonly AirportDay[]): void {
  const expected: string[] = [];
  for (const [day, airports] of grouped(airportDays, (row) => row.day)) {
    const order = airports.toSorted((a, b) => b.late - a.late || (a.airport < b.airport ? 1 : -1));
    for (const [i, { airport, late, departures }] of order.slice(0, 10).entries())
      expected.push([day, i + 1, airport, late, departures].join());
  }
  expect(found).toEqual(expected.sort());
}
