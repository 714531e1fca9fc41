import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type OpenEmbedded, openEmbedded, viewDirectory } from '../../../lib/embedded/index.ts';
import type { RunEnd } from '../../../lib/hosts/embedded/index.ts';
import {
  boundedOutOfOrderness,
  count,
  epochMillis,
  milliseconds,
  pipeline,
  seconds,
  toMemory,
  tumbling,
} from '../../../lib/index.ts';
import { storedRun, viewTasks } from '../../../lib/inspect/index.ts';
import { taskName } from '../../../lib/model/index.ts';
import { Feed } from '../../../lib/testing/index.ts';

interface Row {
  readonly at: number;
  readonly id: string;
}

const rows = (from: number, to: number, name: string): Row[] =>
  Array.from({ length: to - from }, (_, i) => ({ at: (from + i) * 1_000, id: `${name}${from + i}` }));

/** A pipeline that runs in the background, in memory or in a directory. */
class Running {
  readonly feed = new Feed<Row>(1, () => Date.now(), { grows: true });
  readonly raw = toMemory<Row>();
  readonly out = toMemory<{ windowEnd: number; n: number }>();
  readonly dataDir: string | undefined;
  open!: OpenEmbedded;
  #ended!: Promise<RunEnd>;

  constructor(dataDir: string | undefined) {
    this.dataDir = dataDir;
  }

  async start(): Promise<void> {
    const built = pipeline('growing', (p) => {
      const read = p.source('in', this.feed, {
        eventTime: (r) => epochMillis(r.at),
        watermark: boundedOutOfOrderness(seconds(1)),
        idle: 'hold',
      });
      read.to('raw', this.raw);
      read
        .keyBy('one', () => 'one')
        .window(tumbling(seconds(10)))
        .aggregate('counts', { n: count() })
        .to('out', this.out);
    });
    this.open = await openEmbedded(built, {
      ...(this.dataDir === undefined ? {} : { dataDir: this.dataDir }),
      pollPeriod: milliseconds(2),
      pumpPeriod: milliseconds(10),
    });
    this.#ended = this.open.run.run();
  }

  get tasks(): string[] {
    return this.open.run.open.tasks.map(({ id }) => taskName(id)).filter((name) => name.startsWith('in/'));
  }

  get ids(): string[] {
    return this.raw.records.map(({ id }) => id).sort();
  }

  async until(what: () => boolean): Promise<void> {
    await expect.poll(what, { timeout: 10_000, interval: 5 }).toBe(true);
  }

  async stop(): Promise<RunEnd> {
    this.open.run.stop();
    return this.end();
  }

  async end(): Promise<RunEnd> {
    const end = await this.#ended;
    await this.open.close();
    return end;
  }
}

describe('a source that gains partitions', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'millrace-growth-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it.each(['in memory', 'in a directory'])(
    'has them read while it runs, and is drained with them: %s',
    async (where) => {
      const running = new Running(where === 'in memory' ? undefined : folder);
      await running.start();
      running.feed.push(0, rows(0, 15, 'a'));
      await running.until(() => running.ids.length === 15);
      running.feed.push(running.feed.grow(), rows(0, 15, 'b'));
      running.feed.push(running.feed.grow(), rows(0, 5, 'c'));
      await running.until(() => running.ids.length === 35);
      expect(running.tasks).toEqual(['in/0', 'in/1', 'in/2']);
      running.feed.push(running.feed.grow(), rows(0, 1, 'd'));
      await running.open.run.drain();
      expect(await running.end()).toMatchObject({ kind: 'finished' });
      expect(running.ids).toHaveLength(36);
      // The first window had closed before there was another partition to wait for, or not: nothing else may be missing.
      const late = running.open.measured.counter('millrace.records.late');
      expect(running.out.records.reduce((sum, { n }) => sum + n, 0) + late).toBe(36);
    },
  );

  it('is drained with one that it gains meanwhile', async () => {
    const running = new Running(undefined);
    await running.start();
    running.feed.push(0, rows(0, 15, 'a'));
    const { run } = running.open;
    const first = run.open.tasks.find(({ id }) => taskName(id) === 'in/0')!;
    const drainTo = first.drainTo.bind(first);
    first.drainTo = async (end) => {
      running.feed.push(running.feed.grow(), rows(0, 15, 'b'));
      await run.open.grow();
      return drainTo(end);
    };
    await run.drain();
    expect(await running.end()).toMatchObject({ kind: 'finished' });
    expect(running.ids).toHaveLength(30);
  });

  it('is drained with one that it gains just before, with no stage behind it', async () => {
    const feed = new Feed<Row>(1, () => Date.now(), { grows: true });
    const raw = toMemory<Row>();
    const built = pipeline('alone', (p) => void p.source('in', feed).to('raw', raw));
    const open = await openEmbedded(built, { pumpPeriod: seconds(60), pollPeriod: milliseconds(2) });
    const ended = open.run.run();
    feed.push(0, rows(0, 5, 'a'));
    await expect.poll(() => raw.records.length).toBe(5);
    feed.push(feed.grow(), rows(0, 5, 'b'));
    await open.run.drain();
    expect(await ended).toMatchObject({ kind: 'finished' });
    expect(raw.records).toHaveLength(10);
    await open.close();
  });

  it('goes on with them after a restart, and finds what was gained meanwhile', async () => {
    const running = new Running(folder);
    await running.start();
    running.feed.push(0, rows(0, 5, 'a'));
    running.feed.push(running.feed.grow(), rows(0, 5, 'b'));
    await running.until(() => running.ids.length === 10);
    expect(await running.stop()).toMatchObject({ kind: 'stopped', error: undefined });

    running.feed.push(1, rows(5, 12, 'b'));
    running.feed.push(running.feed.grow(), rows(0, 12, 'c'));
    await running.start();
    await running.until(() => running.ids.length === 29);
    expect(running.tasks).toEqual(['in/0', 'in/1', 'in/2']);
    expect(running.out.records).toEqual([]);
    running.feed.push(0, rows(5, 12, 'a'));
    await running.until(() => running.out.records.length === 1);
    expect(running.out.records[0]).toMatchObject({ n: 30 });
    await running.stop();

    const view = viewDirectory(folder);
    const shown = (await viewTasks(view, await storedRun(view))).map((task) => `${taskName(task)} at ${task.offset}`);
    view.close();
    expect(shown.slice(0, 3)).toEqual(['in/0 at 12', 'in/1 at 12', 'in/2 at 12']);
    expect(new Set(running.ids).size).toBe(36);
    expect(running.ids).toHaveLength(36);
  });

  it('and loses some ends the run, with the reason', async () => {
    const running = new Running(undefined);
    await running.start();
    running.feed.grow();
    await running.until(() => running.tasks.length === 2);
    running.open.run.open.sources.get('in')!.partitions = async () => 1;
    expect(await running.end()).toMatchObject({
      kind: 'failed',
      error: { kind: 'data-lost', message: 'source "in" had 2 partitions, and has 1' },
    });
  });
});
