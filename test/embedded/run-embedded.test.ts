import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { toJsonl } from '../../lib/adapters/files/index.ts';
import { openEmbedded, type RunProgress, runEmbedded, stopDirectory } from '../../lib/embedded/index.ts';
import {
  boundedOutOfOrderness,
  collection,
  count,
  epochMillis,
  generator,
  hours,
  minutes,
  type Pipeline,
  pipeline,
  sideOutput,
  toMemory,
  tumbling,
} from '../../lib/index.ts';
import { milliseconds } from '../../lib/model/index.ts';

interface Row {
  readonly at: number;
  readonly name: string;
}

const HOUR = 3_600_000;
const rows = (n: number): Row[] => Array.from({ length: n }, (_, i) => ({ at: i * 60_000, name: `n${i % 7}` }));

function counts(input: readonly Row[], output = toMemory<{ key: string; n: number }>()) {
  const late = toMemory<Row>();
  const tooLate = sideOutput<Row>('late');
  const made = pipeline('counts', (p) => {
    const counted = p
      .source('rows', collection(input), {
        eventTime: (row) => epochMillis(row.at),
        watermark: boundedOutOfOrderness(minutes(10)),
      })
      .keyBy('by-name', (row) => row.name)
      .window(tumbling(hours(1)), { allowedLateness: hours(1), late: tooLate })
      .aggregate('hourly', { n: count() });
    counted.to('counts', output);
    counted.sideOutput(tooLate).to('late', late);
  });
  return { pipeline: made, output, late };
}

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'millrace-embedded-'));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

describe('a pipeline in this process', () => {
  it('runs in memory to its end, and says what it did', async () => {
    const { pipeline: made, output } = counts(rows(1_000));
    const done = await runEmbedded(made);
    expect(done).toMatchObject({
      ...{ kind: 'finished', error: undefined, pipeline: 'counts', resumed: false, dataDir: undefined, records: 1_000 },
      ...{ late: 0, refired: 0, deadLettered: 0, skipped: 0, restarts: 0 },
    });
    expect(done.sinks).toEqual([
      {
        sink: 'counts',
        connector: 'memory',
        path: undefined,
        guarantee: 'exactly-once',
        records: output.records.length,
      },
      { sink: 'late', connector: 'memory', path: undefined, guarantee: 'exactly-once', records: 0 },
    ]);
    expect(output.records.reduce((sum, { n }) => sum + n, 0)).toBe(1_000);
  });

  it('accounts for every record: on time, late for an update, or too late', async () => {
    const input: Row[] = [
      { at: 0, name: 'a' },
      { at: 5 * HOUR, name: 'a' },
      { at: 4 * HOUR + 1, name: 'a' },
      { at: 3 * HOUR, name: 'a' },
      { at: 1 * HOUR, name: 'a' },
    ];
    const { pipeline: made, output, late } = counts(input);
    const done = await runEmbedded(made);
    expect(done).toMatchObject({ records: 5, late: 1, refired: 1 });
    expect(late.records).toEqual([input[4]]);
    expect(output.records).toHaveLength(4);
  });

  it('gives every run a name of its own, in order of time, though the clock stands still', async () => {
    const clock = { now: () => 1_000 as never, sleep: async () => {} };
    const first = await openEmbedded(counts(rows(1)).pipeline, { clock });
    const second = await openEmbedded(counts(rows(1)).pipeline, { clock });
    const ids = [first, second].map(({ run }) => run.open.record.id);
    await Promise.all([first.close(), second.close()]);
    expect(ids[0]).toMatch(/^19700101T000001-[0-9a-z]{10}$/);
    expect(ids[0]).not.toBe(ids[1]);
  });

  it('reports progress: rows, rate, event time, open windows', async () => {
    const seen: RunProgress[] = [];
    const { pipeline: made } = counts(rows(20_000));
    await runEmbedded(made, {
      limits: { sourceRows: 100 },
      onProgress: (progress) => seen.push(progress),
      progressPeriod: milliseconds(5),
    });
    expect(seen.length).toBeGreaterThan(2);
    expect(seen.at(-1)).toMatchObject({ records: 20_000, backlog: 0, tasksDone: seen[0]?.tasks });
    const during = seen.slice(1, -1);
    expect(during.some(({ openWindows }) => openWindows > 0)).toBe(true);
    const times = during.flatMap(({ eventTime }) => eventTime ?? []);
    expect(times).toEqual(times.toSorted((a, b) => a - b));
    for (const [i, { records }] of seen.entries()) expect(records).toBeGreaterThanOrEqual(seen[i - 1]?.records ?? 0);
  });

  it('stops when asked to, and goes on from its data directory', async () => {
    const dataDir = join(folder(), 'data');
    const file = join(dataDir, '..', 'counts.jsonl');
    const endless = (limit: number): Pipeline =>
      pipeline('numbers', (p) => {
        p.source('numbers', generator({ count: limit, record: (i) => ({ i }) }))
          .keyBy('by-rest', ({ i }) => i % 10)
          .aggregate('counted', { n: count() })
          .to('file', toJsonl({ path: file }));
      });
    const abort = new AbortController();
    const first = await runEmbedded(endless(50_000), {
      ...{ dataDir, signal: abort.signal, limits: { sourceRows: 500 }, progressPeriod: milliseconds(5) },
      onProgress: ({ records }) => records > 2_000 && abort.abort(),
    });
    expect(first).toMatchObject({ kind: 'stopped', resumed: false });
    expect(first.records).toBeLessThan(50_000);
    const second = await runEmbedded(endless(50_000), { dataDir });
    expect(second).toMatchObject({ kind: 'finished', resumed: true, records: 50_000 - first.records, run: first.run });
    const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
    expect(lines).toHaveLength(50_000);
    expect(new Set(lines).size).toBe(50_000);
    const third = await runEmbedded(endless(50_000), { dataDir });
    expect(third).toMatchObject({ kind: 'finished', records: 0 });
  });

  /** An hour of event time in every 60 rows, and no end. */
  const ticking = (out: { connector: ReturnType<typeof toMemory<{ key: string; n: number }>> }): Pipeline =>
    pipeline('ticking', (p) => {
      const rows = generator({ rate: 5_000, record: (i): Row => ({ at: i * 60_000, name: `n${i % 2}` }) });
      p.source('rows', rows, { eventTime: (row) => epochMillis(row.at) })
        .keyBy('by-name', (row) => row.name)
        .window(tumbling(hours(1)))
        .aggregate('hourly', { n: count() })
        .to('counts', out.connector);
    });

  it('is drained when asked to: sources end where they stand, and every window closes', async () => {
    const out = { connector: toMemory<{ key: string; n: number }>() };
    const drain = new AbortController();
    const done = await runEmbedded(ticking(out), {
      ...{ drain: drain.signal, progressPeriod: milliseconds(5) },
      onProgress: ({ records }) => records > 500 && drain.abort(),
    });
    expect(done).toMatchObject({ kind: 'finished', late: 0 });
    expect(done.records).toBeGreaterThan(500);
    expect(out.connector.records.reduce((sum, { n }) => sum + n, 0)).toBe(done.records);
  });

  it('is drained before it begins where the signal was aborted already', async () => {
    const out = { connector: toMemory<{ key: string; n: number }>() };
    const done = await runEmbedded(ticking(out), { drain: AbortSignal.abort() });
    expect(done).toMatchObject({ kind: 'finished', records: 0 });
  });

  it('cuts a bounded source short too when it is drained', async () => {
    const drain = new AbortController();
    const { pipeline: made, output } = counts(rows(100_000));
    const done = await runEmbedded(made, {
      ...{ drain: drain.signal, progressPeriod: milliseconds(1), limits: { sourceRows: 100 } },
      onProgress: ({ records }) => records > 0 && drain.abort(),
    });
    expect(done.kind).toBe('finished');
    expect(done.records).toBeLessThan(100_000);
    expect(output.records.reduce((sum, { n }) => sum + n, 0)).toBe(done.records);
  });

  it.for(['stop', 'drain'] as const)('is asked by way of its data directory to %s', async (request) => {
    const dataDir = join(folder(), 'data');
    const out = { connector: toMemory<{ key: string; n: number }>() };
    await expect(stopDirectory(dataDir, request)).rejects.toMatchObject({ kind: 'unavailable' });
    const asked: string[] = [];
    let stopping: Promise<void> | undefined;
    const done = await runEmbedded(ticking(out), {
      ...{ dataDir, progressPeriod: milliseconds(5), onStopRequest: (what) => asked.push(what) },
      onProgress: ({ records }) => {
        if (records > 100) stopping ??= stopDirectory(dataDir, request);
      },
    });
    await stopping;
    expect(asked).toEqual([request]);
    expect(done.kind).toBe(request === 'drain' ? 'finished' : 'stopped');
    await expect(stopDirectory(dataDir, request)).rejects.toThrow(/no process runs on the data directory/);
    const drain = AbortSignal.abort();
    const again = await runEmbedded(ticking(out), { dataDir, ...(request === 'drain' ? {} : { drain }) });
    expect(again).toMatchObject({ kind: 'finished', resumed: true, records: 0 });
  });

  it('ends before it begins where the signal was aborted already', async () => {
    const done = await runEmbedded(counts(rows(10)).pipeline, { signal: AbortSignal.abort() });
    expect(done).toMatchObject({ kind: 'stopped', records: 0 });
  });

  it('fails with the error of the operator, and lets go of the data directory', async () => {
    const dataDir = join(folder(), 'data');
    const failing = pipeline('failing', (p) => {
      p.source('rows', collection([1, 2, 3]))
        .map(
          'check',
          (n) => {
            if (n === 3) throw new Error('three is too many');
            return n;
          },
          { restart: { kind: 'none' } },
        )
        .to('out', toMemory<number>());
    });
    const done = await runEmbedded(failing, { dataDir });
    expect(done.kind).toBe('failed');
    expect(done.error).toMatchObject({ message: 'three is too many', where: { operator: 'check' } });
    expect((await runEmbedded(failing, { dataDir })).kind).toBe('failed');
  });

  it('lets nobody else into a data directory as long as it is open', async () => {
    const dataDir = join(folder(), 'data');
    const open = await openEmbedded(counts(rows(10)).pipeline, { dataDir });
    await expect(openEmbedded(counts(rows(10)).pipeline, { dataDir })).rejects.toMatchObject({ kind: 'unavailable' });
    await open.close();
    await open.close();
    await (await openEmbedded(counts(rows(10)).pipeline, { dataDir })).close();
  });

  it('leaves no lock behind when it cannot be opened', async () => {
    const dataDir = join(folder(), 'data');
    await runEmbedded(counts(rows(10)).pipeline, { dataDir });
    const other = pipeline('counts', (p) => p.source('rows', collection(rows(10))).to('elsewhere', toMemory()));
    await expect(openEmbedded(other, { dataDir })).rejects.toMatchObject({ kind: 'incompatible' });
    await runEmbedded(counts(rows(10)).pipeline, { dataDir });
    expect(existsSync(join(dataDir, 'lock.pid'))).toBe(false);
  });

  it('is not held up by dead letters, however many', async () => {
    const out = toMemory<number>();
    const picky = pipeline('picky', (p) => {
      p.source('rows', collection(Array.from({ length: 3_000 }, (_, i) => i)))
        .map(
          'check',
          (n) => {
            if (n % 30 === 0) throw new Error('round');
            return n;
          },
          { restart: { kind: 'none' }, fallback: 'dead-letter' },
        )
        .to('out', out);
    });
    const done = await runEmbedded(picky, { limits: { sourceRows: 50 } });
    expect(done).toMatchObject({ kind: 'finished', records: 3_000, deadLettered: 100 });
    expect(out.records).toHaveLength(2_900);
  });

  it('takes other connectors in the place of the pipeline’s', async () => {
    const { pipeline: made } = counts(rows(10));
    const bound = toMemory<{ key: string; n: number }>();
    const sources = { rows: collection([{ at: 0, name: 'other' }]) };
    await runEmbedded(made, { bindings: { sources, sinks: { counts: bound } } });
    expect(bound.records).toMatchObject([{ key: 'other', n: 1 }]);
  });
});
