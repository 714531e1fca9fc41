/**
 * The long run against a plain computation. All of its three million rows take most of a minute, so that `npm test` gives it two of the eleven row
 * groups (33 days, with an airport that departs a minute after its alert), and `LONG_FLIGHTS=1` the file as it is.
 */
import { createRequire } from 'node:module';
import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import { parquetWriteFile } from 'hyparquet-writer';
import { describe, expect, it } from 'vitest';
import { Workplace } from '../cli/command.ts';
import { alertsOf, expectWithinError, HOUR, isLate, readRows, sorted } from './flights-by-hand.ts';

const ALL = process.env['LONG_FLIGHTS'] === '1';
/** Row groups that are read: from, and up to. */
const [FIRST, LAST] = ALL ? [0, 11] : [1, 3];

const file = createRequire(import.meta.url)
  .resolve('vega-datasets')
  .replace('build/index.js', 'data/flights-3m.parquet');
const example = new URL('../../examples/flights/long.ts', import.meta.url).pathname;

interface Departure {
  readonly date: Date;
  readonly delay: bigint;
  readonly distance: bigint;
  readonly origin: string;
  readonly destination: string;
}

interface Flight {
  readonly time: number;
  readonly delay: number;
  readonly origin: string;
}

describe('examples/flights/long.ts', { timeout: ALL ? 600_000 : 120_000 }, () => {
  it(`finds what a plain computation finds in row groups ${FIRST} to ${LAST - 1}`, async ({ onTestFinished }) => {
    const place = new Workplace({ onTestFinished });
    const departures = await readDepartures();
    if (!ALL) writeDepartures(place.path('some.parquet'), departures);
    const input = ALL ? [] : ['--bind', 'flights=some.parquet'];
    const run = await place.millrace(['run', example, '--json', ...input]);
    expect(run).toMatchObject({ code: 0 });
    const done = JSON.parse(run.stdout.trimEnd().split('\n').at(-1) as string);
    expect(done).toMatchObject({ event: 'finished', records: departures.length, late: 0, deadLettered: 0 });

    const flights = departures.map(({ date, delay, origin }) => ({ time: +date, delay: Number(delay), origin }));
    const hours = checkHours(flights, csvIn(place, 'airport-hours'));
    expect(sorted(csvIn(place, 'ten-worst-hours').map(String))).toEqual(sorted(worstOf(hours)));
    const alerts = readRows(place.path('out', 'flights-long', 'alerts.jsonl'));
    expect(sorted(alerts)).toEqual(sorted(alertsOf(flights).map((alert) => JSON.stringify(alert))));
    expect(alerts.length).toBeGreaterThan(10);
  });
});

async function readDepartures(): Promise<Departure[]> {
  const buffer = await asyncBufferFromFile(file);
  const metadata = await parquetMetadataAsync(buffer);
  expect(metadata.row_groups).toHaveLength(11);
  const rows: Departure[] = [];
  let rowEnd = 0;
  for (const [i, { num_rows }] of metadata.row_groups.entries()) {
    const rowStart = rowEnd;
    rowEnd += Number(num_rows);
    if (i < FIRST || i >= LAST) continue;
    const group = await parquetReadObjects({ file: buffer, metadata, compressors, rowStart, rowEnd });
    for (const row of group) rows.push(row as unknown as Departure);
  }
  return rows;
}

function writeDepartures(filename: string, departures: readonly Departure[]): void {
  const column = <K extends keyof Departure>(name: K, type: 'TIMESTAMP' | 'INT64' | 'STRING') => ({
    ...{ name, type },
    data: departures.map((departure) => departure[name]),
  });
  const columnData = [
    column('date', 'TIMESTAMP'),
    column('delay', 'INT64'),
    column('distance', 'INT64'),
    column('origin', 'STRING'),
    column('destination', 'STRING'),
  ];
  parquetWriteFile({ filename, columnData });
}

interface AirportHour {
  readonly airport: string;
  readonly hour: string;
  readonly departures: number;
  readonly late: number;
}

/** Holds each airport's hour against its departures; returns them all. */
function checkHours(flights: readonly Flight[], found: readonly (readonly string[])[]): AirportHour[] {
  const expected = Map.groupBy(flights, ({ origin, time }) => `${origin},${Math.floor(time / HOUR) * HOUR}`);
  expect(found).toHaveLength(expected.size);
  return found.map(([airport = '', hour = '', ...numbers]) => {
    const [departures, late, lateShare, mean, median, p95] = numbers.map(Number) as [
      ...[number, number, number],
      ...[number, number, number],
    ];
    const of = `${airport},${Date.parse(hour)}`;
    const delays = Float64Array.from(expected.get(of) ?? [], ({ delay }) => delay).sort();
    expected.delete(of);
    const tardy = delays.filter(isLate).length;
    const total = delays.reduce((a, b) => a + b, 0);
    if (departures !== delays.length || late !== tardy || lateShare !== tardy / departures)
      expect({ of, departures, late, lateShare }).toEqual({
        ...{ of, departures: delays.length, late: tardy, lateShare: tardy / delays.length },
      });
    if (Math.abs(mean - total / departures) > 1e-9)
      expect.fail(`${of}: the mean is ${mean}, not ${total / departures}`);
    expectWithinError(median, delays, 0.5);
    expectWithinError(p95, delays, 0.95);
    return { airport, hour, departures, late };
  });
}

/** Of each day the ten hours of an airport with most late departures; where two have as many, the later by name and hour. */
function worstOf(hours: readonly AirportHour[]): string[] {
  const lines: string[] = [];
  for (const [day, ofDay] of Map.groupBy(hours, ({ hour }) => hour.slice(0, 10))) {
    const name = ({ airport, hour }: AirportHour): string => `${airport} ${hour}`;
    ofDay.sort((a, b) => b.late - a.late || (name(a) < name(b) ? 1 : -1));
    for (const [i, { airport, hour, late, departures }] of ofDay.slice(0, 10).entries())
      lines.push([day, i + 1, airport, hour, late, departures].join());
  }
  return lines;
}

/** The rows of a result, which has no commas in its cells. */
const csvIn = (place: Workplace, name: string): string[][] =>
  readRows(place.path('out', 'flights-long', `${name}.csv`))
    .slice(1)
    .map((line) => line.split(','));
