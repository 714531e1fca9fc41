import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { describe, expect, it } from 'vitest';
import { Workplace } from '../cli/command.ts';
import { readRows, sorted } from './flights-by-hand.ts';

interface Feature {
  readonly id: string;
  readonly properties: {
    readonly time: number;
    readonly updated: number;
    readonly mag: number;
    readonly place: string;
  };
  readonly geometry: { readonly coordinates: readonly [longitude: number, latitude: number, depth: number] };
}

const DAY = 86_400_000;
const file = createRequire(import.meta.url)
  .resolve('vega-datasets')
  .replace('build/index.js', 'data/earthquakes.json');
const rows = (JSON.parse(readFileSync(file, 'utf8')) as { features: Feature[] }).features
  .map(({ id, properties: { time, updated, mag, place }, geometry: { coordinates } }) => ({
    ...{ id, time, updated, magnitude: mag, place },
    cell: `${Math.floor(coordinates[1])} ${Math.floor(coordinates[0])}`,
  }))
  .sort((a, b) => a.updated - b.updated);

/** Those that are known three days after they happened at the latest, and the others. */
function byLateness() {
  let greatest = Number.NEGATIVE_INFINITY;
  const inTime: typeof rows = [];
  const late: typeof rows = [];
  for (const row of rows) {
    (row.time <= greatest - 3 * DAY - 1 ? late : inTime).push(row);
    greatest = Math.max(greatest, row.time);
  }
  return { inTime, late };
}

/** In each place from the first earthquake on: the next that is strong enough after all since then; after it anew. */
function mainshocksByHand(): string[] {
  const places = Map.groupBy(byLateness().inTime, ({ cell }) => cell);
  return [...places.values()].flatMap((quakes) => {
    quakes.sort((a, b) => a.time - b.time);
    const found: string[] = [];
    for (let first = 0; first < quakes.length; first++) {
      for (let last = first + 1; last < quakes.length && quakes[last]!.time - quakes[first]!.time < 2 * DAY; last++) {
        const { id, place, time, magnitude } = quakes[last]!;
        const foreshocks = quakes.slice(first, last).map((quake) => quake.magnitude);
        if (magnitude < 4 || Math.max(...foreshocks) > magnitude - 1) continue;
        found.push(JSON.stringify({ id, place, time: new Date(time).toISOString(), magnitude, foreshocks }));
        first = last;
        break;
      }
    }
    return found;
  });
}

describe('examples/earthquakes/foreshocks.ts', { timeout: 60_000 }, () => {
  it('finds the strong earthquakes with weaker ones before them that a plain search finds', async ({
    onTestFinished,
  }) => {
    const place = new Workplace({ onTestFinished });
    const example = new URL('../../examples/earthquakes/foreshocks.ts', import.meta.url).pathname;
    const { code, stdout } = await place.millrace(['run', example]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/mainshocks-out +[\d,]+ +out\/earthquakes\/mainshocks\.jsonl/);
    const expected = sorted(mainshocksByHand());
    expect(sorted(readRows(place.path('out', 'earthquakes', 'mainshocks.jsonl')))).toEqual(expected);
    expect(expected.length).toBeGreaterThan(4);
    expect(readRows(place.path('out', 'earthquakes', 'late-for-mainshocks.jsonl'))).toHaveLength(
      byLateness().late.length,
    );
  });
});
