import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { jsonl } from '../../lib/adapters/files/index.ts';
import { type OpenEmbedded, openEmbedded, viewDirectory } from '../../lib/embedded/index.ts';
import {
  collection,
  count,
  epochMillis,
  hours,
  list,
  map,
  milliseconds,
  pipeline,
  process,
  toMemory,
  tumbling,
  type,
  value,
} from '../../lib/index.ts';
import {
  liveState,
  storedLetters,
  storedPipelines,
  storedRun,
  storedState,
  viewTasks,
} from '../../lib/inspect/index.ts';
import type { Key } from '../../lib/model/index.ts';

interface Row {
  readonly at: number;
  readonly name: Key;
}

const HOUR = 3_600_000;

const remember = process('remember', {
  in: type<Row>(),
  key: type<Key>(),
  out: type<number>(),
  state: { last: value<number>(), all: list<number>(), byHour: map<number, number>() },
  onRecord(row, { state }) {
    state.last.set(row.at);
    state.all.add(row.at);
    state.byHour.set(Math.floor(row.at / HOUR), row.at);
    if (row.name === 'gone') state.last.clear();
    if (row.name === 'bad') throw new Error('bad row');
  },
});

const madeOf = (rows: readonly Row[]) =>
  pipeline(
    'views',
    (p) => {
      const keyed = p
        .source('rows', collection(rows), { eventTime: (row) => epochMillis(row.at) })
        .keyBy('by-name', (row) => row.name);
      keyed.process(remember, { restart: { kind: 'none' }, fallback: 'dead-letter' }).to('out', toMemory<number>());
      keyed
        .window(tumbling(hours(1)))
        .aggregate('hourly', { n: count() })
        .to('counts', toMemory());
    },
    { parallelism: 3 },
  );

const rows: Row[] = [
  ...Array.from({ length: 300 }, (_, i): Row => ({ at: i * 60_000, name: `n${i % 5}` })),
  { at: 6 * HOUR, name: 42 },
  { at: 6 * HOUR, name: ['a', 1] },
  { at: 6 * HOUR, name: 'gone' },
  { at: 6 * HOUR, name: 'bad' },
];

async function opened(given: readonly Row[] = rows): Promise<OpenEmbedded & { readonly dataDir: string }> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-views-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const dataDir = join(folder, 'data');
  const flushEvery = milliseconds(0);
  const open = await openEmbedded(madeOf(given), { dataDir, flushEvery, slots: 8, limits: { sourceRows: 7 } });
  onTestFinished(() => open.close());
  return { ...open, dataDir };
}

/** Every task's steps until none has anything left to do, without ending the run. */
async function settle({ run }: OpenEmbedded, steps = Number.POSITIVE_INFINITY): Promise<void> {
  let left = steps;
  for (let moved = true; moved && left > 0; ) {
    moved = false;
    for (const task of run.open.tasks) {
      if (left <= 0) return;
      const result = await task.ring();
      if (result.kind === 'advanced') {
        moved = true;
        left--;
      }
    }
  }
}

describe('views of a run', () => {
  it('show unread rows, what waits, and who holds time back, while it runs', async () => {
    const open = await opened();
    const view = viewDirectory(open.dataDir);
    onTestFinished(() => view.close());
    const look = async () => viewTasks(view, await storedRun(view), open.run.open.sources);
    await settle(open, 1);
    const [source, ...rest] = await look();
    expect(source).toMatchObject({
      stage: 'rows',
      partition: 0,
      status: 'ok',
      version: 1,
      offset: 7,
      end: 304,
      lag: 297,
    });
    expect(source?.watermark).toBe(6 * 60_000 - 1);
    const [apart] = await viewTasks(view, await storedRun(view));
    expect(apart).toEqual({ ...source, heldBy: undefined });
    expect(rest.reduce((sum, { lag = 0 }) => sum + lag, 0)).toBeGreaterThan(0);
    for (const task of rest) expect(task).toMatchObject({ status: 'ok', version: 0, watermark: 'none', offset: 0 });
    await settle(open, 4);
    const spoken = (await look()).filter(({ stage, version }) => stage === 'remember' && version > 0);
    expect(spoken.length).toBeGreaterThan(0);
    for (const task of spoken) expect(task).toMatchObject({ status: 'ok', heldBy: 'rows/0', lag: 0 });
    expect(spoken.some(({ stateEntries, stateBytes }) => stateEntries > 0 && stateBytes > 0)).toBe(true);
  });

  it('show what a file that is followed has left, in bytes, and nothing once all is read', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'millrace-views-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const path = join(folder, 'rows.jsonl');
    writeFileSync(path, '1\n2\n3\n');
    const following = pipeline('following', (p) => {
      p.source('rows', jsonl<number>({ path, follow: true }))
        .rebalance()
        .to('out', toMemory<number>());
    });
    const open = await openEmbedded(following, { dataDir: join(folder, 'data'), limits: { sourceRows: 2 } });
    onTestFinished(() => open.close());
    const look = async () => (await viewTasks(open.ports, await storedRun(open.ports)))[0];
    await open.run.open.tasks[0]?.ring();
    expect(await look()).toMatchObject({ offset: 2, end: undefined, lag: undefined, bytesLeft: 2 });
    await open.run.open.tasks[0]?.ring();
    expect(await look()).toMatchObject({ offset: 3, end: 3, lag: 0, bytesLeft: undefined });
  });

  it('show tasks that have heard the end as done, with nothing left', async () => {
    const open = await opened();
    await settle(open);
    const tasks = await viewTasks(open.ports, await storedRun(open.ports));
    for (const task of tasks) {
      expect(task).toMatchObject({ status: 'done', lag: 0, watermark: 'end', heldBy: undefined, restarts: 0 });
    }
  });

  it('show why a task has stopped', async () => {
    const failing = pipeline('failing', (p) => {
      p.source('rows', collection([1]))
        .map(
          'check',
          () => {
            throw new Error('no good');
          },
          { restart: { kind: 'none' } },
        )
        .to('out', toMemory());
    });
    const open = await openEmbedded(failing);
    await open.run.open.tasks[0]?.ring();
    const [task] = await viewTasks(open.ports, await storedRun(open.ports));
    expect(task).toMatchObject({
      status: 'stopped',
      reason: 'failed',
      error: { operator: 'check', message: 'no good' },
    });
    await open.close();
  });

  it('read state from commits and snapshots as it is in memory, at any moment', async () => {
    const open = await opened();
    const view = viewDirectory(open.dataDir);
    onTestFinished(() => view.close());
    for (let round = 0; round < 12; round++) {
      await settle(open, 20);
      const live = open.run.open.tasks.flatMap((task) =>
        task.state === undefined ? [] : liveState(task.id, task.state),
      );
      const stored = await storedState(view, await storedRun(view));
      expect(inOrder(stored)).toEqual(inOrder(live));
    }
    const snapshots = (await view.blobs.list('')).filter((name) => name.includes('/snap/'));
    expect(snapshots.length).toBeGreaterThan(0);
  });

  it('find the state of one key, by operator and name', async () => {
    const open = await opened();
    await settle(open);
    const run = await storedRun(open.ports);
    const find = (key: string, state?: string) =>
      storedState(open.ports, run, { operator: 'remember', key, ...(state === undefined ? {} : { state }) });
    expect(await find('n3', 'last')).toMatchObject([
      { operator: 'remember', state: 'last', key: 'n3', value: 298 * 60_000 },
    ]);
    expect((await find('n3', 'byHour')).map(({ sub }) => sub)).toEqual([0, 1, 2, 3, 4]);
    expect(await find('42', 'last')).toMatchObject([{ key: '42', value: 6 * HOUR }]);
    expect(await find('["a",1]', 'last')).toMatchObject([{ key: '["a",1]', value: 6 * HOUR }]);
    expect(await find('gone', 'last')).toEqual([]);
    expect(await storedState(open.ports, run, { limit: 3 })).toHaveLength(3);
    const all = await storedState(open.ports, run, { operator: 'remember' });
    const keys = [...new Set(all.map(({ key }) => key))].sort();
    const [from, to] = [keys[1]!, keys[3]!];
    const within = await storedState(open.ports, run, { operator: 'remember', from, to });
    expect(inOrder(within)).toEqual(inOrder(all.filter(({ key }) => key >= from && key < to)));
    expect(within.length).toBeGreaterThan(0);
    const times = all.filter(({ sub }) => typeof sub === 'number').map(({ sub }) => sub as number);
    const subFrom = Math.max(...times);
    const subs = await storedState(open.ports, run, { operator: 'remember', subFrom, subTo: subFrom + 1 });
    expect(subs.length).toBe(times.filter((time) => time === subFrom).length);
    expect(await storedState(open.ports, run, { operator: 'hourly' })).toEqual([]);
    await expect(storedState(open.ports, run, { operator: 'nobody' })).rejects.toThrow(/no operator nobody/);
  });

  it('list dead letters, each once', async () => {
    const open = await opened();
    await settle(open);
    const letters = await storedLetters(open.ports, 'views');
    expect(letters).toMatchObject([{ letter: { operator: 'remember', key: 'bad', error: { message: 'bad row' } } }]);
  });

  it('know which pipelines have state, and ask which is meant', async () => {
    const open = await opened();
    expect(await storedPipelines(open.ports)).toEqual(['views']);
    await expect(storedRun(open.ports, 'others')).rejects.toThrow(/no state of a pipeline others/);
    await open.ports.blobs.put('runs/more/1', new Uint8Array());
    await expect(storedRun(open.ports)).rejects.toThrow(/several pipelines: more, views/);
    expect((await storedRun(open.ports, 'views')).record.id).toBe(open.run.open.record.id);
  });
});

const inOrder = <T>(entries: readonly T[]): T[] =>
  entries.toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
