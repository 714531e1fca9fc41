import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { describe, expect, it } from 'vitest';
import { Workplace } from '../cli/command.ts';

interface Row {
  readonly id: string;
  readonly time: number;
  readonly updated: number;
  readonly magnitude: number;
  readonly network: string;
  readonly cell: string;
}

interface NetworkHour {
  readonly network: string;
  readonly hour: string;
  readonly revision: number;
  readonly quakes: number;
  readonly strongest: number;
}

interface Sequence {
  readonly latitude: number;
  readonly longitude: number;
  readonly start: string;
  readonly end: string;
  readonly quakes: number;
  readonly magnitude: number;
}

interface Feature {
  readonly id: string;
  readonly properties: { readonly time: number; readonly updated: number; readonly mag: number; readonly net: string };
  readonly geometry: { readonly coordinates: readonly [longitude: number, latitude: number, depth: number] };
}

const HOUR = 3_600_000;
const DISORDER = 6 * HOUR;
const LATENESS = 24 * HOUR;
const GAP = 12 * HOUR;

const file = createRequire(import.meta.url)
  .resolve('vega-datasets')
  .replace('build/index.js', 'data/earthquakes.json');
const rows: Row[] = (JSON.parse(readFileSync(file, 'utf8')) as { features: Feature[] }).features
  .map(({ id, properties: { time, updated, mag, net }, geometry: { coordinates } }) => ({
    ...{ id, time, updated, magnitude: mag, network: net },
    cell: `${Math.floor(coordinates[1])} ${Math.floor(coordinates[0])}`,
  }))
  .sort((a, b) => a.updated - b.updated);

const iso = (time: number): string => new Date(time).toISOString();

/** Each row with the watermark that stood before it: the greatest time so far, less the disorder and a millisecond. */
function* timed(): Generator<readonly [row: Row, watermark: number]> {
  let greatest = Number.NEGATIVE_INFINITY;
  for (const row of rows) {
    yield [row, greatest - DISORDER - 1];
    greatest = Math.max(greatest, row.time);
  }
}

describe('examples/earthquakes', { timeout: 90_000 }, () => {
  it('13: accounts for every earthquake, and finds what a plain computation finds', async ({ onTestFinished }) => {
    const place = new Workplace({ onTestFinished });
    const example = new URL('../../examples/earthquakes', import.meta.url).pathname;
    const run = await place.millrace(['run', example, '--json']);
    expect(run).toMatchObject({ code: 0 });
    const read = <T>(name: string): T[] =>
      readFileSync(place.path('out', 'earthquakes', `${name}.jsonl`), 'utf8')
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line));
    const fates = checkHours(read('networks'), read('late'));
    expect(fates.onTime + fates.refired + fates.late).toBe(1_707);
    const sessions = checkSequences(read('sequences'));
    const done = JSON.parse(run.stdout.trimEnd().split('\n').at(-1) as string);
    expect(done).toMatchObject({
      ...{ event: 'finished', records: 1_707, deadLettered: 0 },
      ...{ refired: fates.refired + sessions.refired, late: fates.late + sessions.late },
    });
  });
});

function checkHours(
  found: readonly NetworkHour[],
  late: readonly Row[],
): { onTime: number; refired: number; late: number } {
  const hours = new Map<string, { quakes: number; strongest: number; results: NetworkHour[] }>();
  const tooLate: string[] = [];
  const fates = { onTime: 0, refired: 0, late: 0 };
  for (const [{ id, time, network, magnitude }, watermark] of timed()) {
    const start = Math.floor(time / HOUR) * HOUR;
    const last = start + HOUR - 1;
    if (last + LATENESS <= watermark) {
      fates.late++;
      tooLate.push(id);
      continue;
    }
    const key = `${network} ${start}`;
    const hour = hours.get(key) ?? { quakes: 0, strongest: Number.NEGATIVE_INFINITY, results: [] };
    hours.set(key, hour);
    hour.quakes++;
    hour.strongest = Math.max(hour.strongest, magnitude);
    if (last <= watermark) fates.refired++;
    else fates.onTime++;
  }
  expect(late.map(({ id }) => id).sort()).toEqual(tooLate.sort());
  const newest = new Map<string, NetworkHour>();
  for (const [key, results] of Map.groupBy(found, ({ network, hour }) => `${network} ${Date.parse(hour)}`)) {
    const ordered = results.toSorted((a, b) => a.revision - b.revision);
    expect(ordered.map(({ revision }) => revision)).toEqual(ordered.map((_, i) => i));
    newest.set(key, ordered.at(-1) as NetworkHour);
  }
  expect(newest.size).toBe(hours.size);
  for (const [key, { quakes, strongest }] of hours) expect(newest.get(key)).toMatchObject({ quakes, strongest });
  return fates;
}

interface Session {
  start: number;
  end: number;
  quakes: number;
  magnitude: number;
}

/** Sessions one record at a time: a record joins what it overlaps or touches, unless that has been cleared. */
function checkSequences(found: readonly Sequence[]): { refired: number; late: number } {
  const open = new Map<string, Session[]>();
  const expected: string[] = [];
  let refired = 0;
  let late = 0;
  let before = Number.NEGATIVE_INFINITY;
  const result = (cell: string, { start, end, quakes, magnitude }: Session): void => {
    if (quakes >= 3) expected.push([cell, iso(start), iso(end), quakes, magnitude].join());
  };
  const moveTo = (watermark: number): void => {
    for (const [cell, sessions] of open) {
      for (const session of sessions)
        if (session.end - 1 > before && session.end - 1 <= watermark) result(cell, session);
      open.set(
        cell,
        sessions.filter(({ end }) => end - 1 + LATENESS > watermark),
      );
    }
    before = watermark;
  };
  for (const [{ cell, time, magnitude }, watermark] of timed()) {
    if (watermark > before) moveTo(watermark);
    const sessions = open.get(cell) ?? [];
    const touching = sessions.filter(({ start, end }) => start <= time + GAP && end >= time);
    const merged: Session = { start: time, end: time + GAP, quakes: 1, magnitude };
    for (const other of touching) {
      merged.start = Math.min(merged.start, other.start);
      merged.end = Math.max(merged.end, other.end);
      merged.quakes += other.quakes;
      merged.magnitude = Math.max(merged.magnitude, other.magnitude);
    }
    if (merged.end - 1 + LATENESS <= watermark) {
      late++;
      continue;
    }
    open.set(cell, [...sessions.filter((session) => !touching.includes(session)), merged]);
    if (merged.end - 1 <= watermark) {
      refired++;
      result(cell, merged);
    }
  }
  moveTo(Number.POSITIVE_INFINITY);
  const rowsFound = found.map(({ latitude, longitude, start, end, quakes, magnitude }) =>
    [`${latitude} ${longitude}`, start, end, quakes, magnitude].join(),
  );
  expect(rowsFound.sort()).toEqual(expected.sort());
  return { refired, late };
}
