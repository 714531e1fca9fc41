/** Copies of a folder taken in the middle of a run are what a process killed at that instant would leave: runs on each of them must end as the undisturbed one. */
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { parquet, toCsv, toJsonl, toParquet } from '../../lib/adapters/files/index.ts';
import { type EmbeddedOptions, runEmbedded } from '../../lib/embedded/index.ts';
import {
  boundedOutOfOrderness,
  collection,
  count,
  epochMillis,
  fixedDelay,
  hours,
  mean,
  milliseconds,
  minutes,
  noRestart,
  type Pipeline,
  pipeline,
  process,
  sideOutput,
  toFunction,
  tumbling,
  type,
  value,
} from '../../lib/index.ts';
import { host } from '../adapters/files/source-host.ts';

interface Row {
  readonly at: number;
  readonly name: string;
  readonly n: number;
}

const MINUTE = 60_000;
const rows = Array.from({ length: 1_500 }, (_, n): Row => {
  return { n, at: Math.max(0, n - ((n * 7) % 43)) * MINUTE, name: `n${(n * n) % 41}` };
});

/** What is called now and then in the middle of everything. */
interface Trouble {
  /** Anywhere in the run. */
  readonly moment: () => void;
  /** Whether the function of a sink throws now. */
  readonly fails: () => boolean;
}

function made(folder: string, { moment, fails }: Trouble): Pipeline {
  const dropped = sideOutput<Row>('dropped');
  const running = process('running', {
    in: type<Row>(),
    key: type<string>(),
    out: type<{ name: string; seen: number }>(),
    state: { seen: value<number>(), rows: value<Row[]>() },
    onRecord(row, context) {
      if (row.n % 5 === 0) moment();
      const seen = (context.state.seen.get() ?? 0) + 1;
      context.state.seen.set(seen);
      context.state.rows.set([...(context.state.rows.get() ?? []), row].slice(-3));
      if (row.n % 97 === 3) throw new Error('no good');
      if (seen % 4 === 0) context.emit({ name: context.key, seen });
      context.timers.onEventTime(epochMillis(row.at + 90 * MINUTE));
    },
    onTimer(_, context) {
      const kept = context.state.rows.get() ?? [];
      if (kept.length > 0) context.emit({ name: context.key, seen: -kept.length });
      context.state.rows.clear();
    },
  });
  const file = (name: string): string => join(folder, 'out', name);
  return pipeline(
    'images',
    (p) => {
      const source = p
        .source('rows', collection(rows), {
          eventTime: (row) => epochMillis(row.at),
          watermark: boundedOutOfOrderness(minutes(20)),
        })
        .map('pass', (row) => {
          if (row.n % 11 === 0) moment();
          return row;
        });
      const perHour = source
        .keyBy('by-name', (row) => row.name)
        .window(tumbling(hours(1)), { allowedLateness: minutes(2), late: dropped })
        .aggregate('hourly', { rows: count(), mean: mean((row) => row.n) });
      perHour.to('hours', toJsonl({ path: file('hours.jsonl') }));
      perHour.to('hours-by-task', toCsv({ path: file('hours-{task}.csv') }));
      perHour
        .map('plain', ({ key, rows: n }) => ({ key, n }))
        .to(
          'rolled',
          toParquet({ path: file('hours-{task}.parquet'), schema: { key: 'string', n: 'number' }, rollRows: 20 }),
        );
      perHour.sideOutput(dropped).to('late', toJsonl({ path: file('late.jsonl') }));
      const counted = source
        .keyBy('by-name-too', (row) => row.name)
        .process(running, { restart: noRestart(), fallback: 'dead-letter' });
      counted.to('counts', toJsonl({ path: file('counts-{task}.jsonl') }));
      counted.to(
        'told',
        toFunction<{ name: string; seen: number }>(async () => {
          moment();
          if (fails()) throw new Error('not now');
          await new Promise((resolve) => setTimeout(resolve, 1));
          moment();
        }),
      );
    },
    { parallelism: 2, restart: fixedDelay(1_000, milliseconds(1)) },
  );
}

const folderFor = (): string => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-images-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
};

async function run(folder: string, trouble: Trouble, more: Partial<EmbeddedOptions> = {}) {
  const done = await runEmbedded(made(folder, trouble), {
    dataDir: join(folder, 'data'),
    slots: 6,
    limits: { sourceRows: 16 },
    ...more,
  });
  expect(done.error).toBeUndefined();
  expect(done.kind).toBe('finished');
}

/** All rows of all files of a sink, in an order of their own; Parquet files are one sink a task. */
async function results(folder: string): Promise<Record<string, string[]>> {
  const out: Record<string, string[]> = {};
  for (const name of readdirSync(join(folder, 'out')).sort()) {
    expect(name).not.toMatch(/inprogress|staging/);
    const path = join(folder, 'out', name);
    const sink = name.replace(/-\d+(-\d+)?\./, '.');
    out[sink] ??= [];
    if (!name.endsWith('.parquet')) out[sink].push(...readFileSync(path, 'utf8').trimEnd().split('\n'));
    else {
      const log = await parquet({ path }).open(host);
      const { values } = await log.read(0, 0, 1_000, undefined);
      expect(values.length).toBeLessThanOrEqual(20);
      out[sink].push(...values.map((row) => JSON.stringify(row)));
      await log.close();
    }
  }
  for (const lines of Object.values(out)) lines.sort();
  return out;
}

const calm: Trouble = { moment: () => {}, fails: () => false };

/** What a run leaves that nothing disturbs; made once. */
let undisturbed: ReturnType<typeof results> | undefined;
async function resultsUndisturbed() {
  const folder = folderFor();
  await run(folder, calm);
  return results(folder);
}

describe('a folder as a process leaves it that is killed', () => {
  it.each([
    { name: 'in groups of many steps', flushEvery: 40, images: 5 },
    { name: 'in groups of few steps', flushEvery: 3, images: 3 },
    { name: 'each step written at once', flushEvery: 0, images: 1 },
  ])(
    'at any moment, $name, leads to the same files',
    async ({ flushEvery, images }) => {
      undisturbed ??= resultsUndisturbed();
      const expected = await undisturbed;
      expect(Object.keys(expected).sort()).toEqual([
        'counts.jsonl',
        'hours.csv',
        'hours.jsonl',
        'hours.parquet',
        'late.jsonl',
      ]);
      for (const lines of Object.values(expected)) expect(lines.length).toBeGreaterThan(10);

      const folder = folderFor();
      const copies: string[] = [];
      let moments = 0;
      let calls = 0;
      const taken = folderFor();
      const trouble: Trouble = {
        moment: () => {
          moments++;
          if (moments % 71 !== 0 || copies.length >= images) return;
          const copy = join(taken, String(copies.length));
          cpSync(folder, copy, { recursive: true });
          copies.push(copy);
        },
        fails: () => ++calls % 17 === 0,
      };
      await run(folder, trouble, { flushEvery: milliseconds(flushEvery) });
      expect(await results(folder)).toEqual(expected);
      expect(copies.length).toBe(images);
      for (const copy of copies) {
        rmSync(join(copy, 'data', 'lock.pid'), { force: true });
        await run(copy, calm);
        expect(await results(copy)).toEqual(expected);
      }
    },
    120_000,
  );
});
