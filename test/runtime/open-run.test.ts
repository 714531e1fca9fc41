import { describe, expect, it } from 'vitest';
import { MemoryBlobStore, MemoryCommitStore, MemoryLog } from '../../lib/adapters/memory/index.ts';
import {
  collection,
  count,
  epochMillis,
  noRestart,
  type PipelineOptions,
  pipeline,
  seconds,
  toMemory,
  tumbling,
} from '../../lib/index.ts';
import type { Frame } from '../../lib/protocol/index.ts';
import { type OpenRun, replayLetters, replayObstacle, storedLetters } from '../../lib/runtime/index.ts';
import { Feed, TestDriver } from '../../lib/testing/index.ts';
import { messagesIn, opened, settle, type TestPorts, taskOf, testPorts } from './stage.ts';

const items = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

interface Changes {
  readonly rows?: number;
  readonly size?: number;
  readonly parallelism?: number;
  readonly twice?: boolean;
}

/** A count by tumbling window, and ways to change it. */
function counting({ rows = 20, size = 1, parallelism = 2, twice = false }: Changes = {}) {
  const out = toMemory<unknown>();
  const built = pipeline(
    'counting',
    (p) => {
      const read = p.source('in', collection(items(rows)), { eventTime: (n) => epochMillis(n * 100) });
      (twice ? read.map('double', (n) => n * 2) : read)
        .keyBy('parity', (n) => n % 2)
        .window(tumbling(seconds(size)))
        .aggregate('counts', { n: count() })
        .to('out', out);
    },
    { parallelism },
  );
  return { pipeline: built, out };
}

const refusal = (changes: Changes, ports: TestPorts): Promise<{ kind: string; message: string; hint?: string }> =>
  opened(counting(changes).pipeline, ports).then(
    () => ({ kind: 'none', message: '' }),
    (error: unknown) => error as never,
  );

async function begun(): Promise<{ ports: TestPorts; run: OpenRun }> {
  const ports = testPorts();
  const run = await opened(counting().pipeline, ports, { limits: { sourceRows: 5 } });
  for (const task of run.tasks) await task.ring();
  return { ports, run };
}

describe('opening a run by several processes at once', () => {
  const racing = <T>(n: number, work: (i: number) => Promise<T>) =>
    Promise.all(Array.from({ length: n }, (_, i) => work(i)));

  it('creates one, and all go on with that', async () => {
    const ports = testPorts();
    const runs = await racing(5, (i) => opened(counting().pipeline, ports, { runId: `run-${i}` }));
    const [id] = new Set(runs.map(({ record }) => record.id));
    expect(runs.map(({ record }) => record)).toEqual(runs.map(() => runs.find(({ resumed }) => !resumed)!.record));
    expect(runs.filter(({ resumed }) => !resumed)).toHaveLength(1);
    expect(await ports.blobs.list('runs/')).toEqual([`runs/counting/${id}`]);
    expect(await ports.commits.records('counting', 'run/')).toHaveLength(1);
    await settle(runs.flatMap(({ tasks }) => tasks));
  });

  it('gives changed code one epoch, whoever writes it down', async () => {
    const { ports } = await begun();
    const runs = await racing(5, () => opened(counting({ twice: true }).pipeline, ports));
    expect(runs.map((run) => taskOf(run, 'in').host.epoch)).toEqual([1, 1, 1, 1, 1]);
    expect(await ports.commits.records('counting', 'code/')).toHaveLength(1);
  });

  it('gives each of several changes an epoch of its own', async () => {
    const { ports } = await begun();
    const runs = await racing(4, (i) => opened(counting({ twice: i % 2 === 0 }).pipeline, ports));
    const versions = await ports.commits.records('counting', 'code/');
    const epochs = versions.map(({ value }) => (value as { epochs: Record<string, number> }).epochs['in']);
    expect(epochs).toEqual(versions.map((_, i) => i + 1));
    for (const run of runs) expect([0, ...epochs]).toContain(taskOf(run, 'in').host.epoch);
    const ofChanged = new Set(runs.filter((_, i) => i % 2 === 0).map((run) => taskOf(run, 'in').host.epoch));
    const ofOld = new Set(runs.filter((_, i) => i % 2 === 1).map((run) => taskOf(run, 'in').host.epoch));
    expect([...ofChanged].filter((epoch) => ofOld.has(epoch))).toEqual([]);
  });
});

describe('opening a run again', () => {
  it('goes on with it, and names the stages whose code has changed', async () => {
    const { ports } = await begun();
    const same = await opened(counting().pipeline, ports);
    expect(same).toMatchObject({ resumed: true, changedStages: [], record: { id: 'run' } });
    const changed = await opened(counting({ twice: true }).pipeline, ports);
    expect(changed).toMatchObject({ resumed: true, changedStages: ['in'] });
    expect((await opened(counting({ twice: true }).pipeline, ports)).changedStages).toEqual([]);
  });

  it('refuses a pipeline that does not fit the state, with every difference', async () => {
    const { ports } = await begun();
    const size = await refusal({ size: 2 }, ports);
    expect(size.kind).toBe('incompatible');
    expect(size.message).toMatch(/operator counts: its window was .*1000.*, is .*2000/);
    const wider = await refusal({ parallelism: 3 }, ports);
    expect(wider.kind).toBe('incompatible');
    expect(wider.message).toMatch(/stage counts: had 2 tasks, has 3/);
    expect(await refusal({}, ports)).toMatchObject({ kind: 'none' });
  });

  it('refuses other data than it began with', async () => {
    const { ports } = await begun();
    expect(await refusal({ rows: 21 }, ports)).toMatchObject({ kind: 'data-lost', message: /source "in"/ });
  });

  it('says so if commits are gone that must have been there, instead of beginning anew', async () => {
    const { ports, run } = await begun();
    const emptied = new MemoryCommitStore({ volatile: false });
    await expect(opened(counting().pipeline, { ...ports, commits: emptied })).rejects.toMatchObject({
      kind: 'state-lost',
      message: /run run of pipeline counting/,
    });
    await emptied.createRecord('counting', 'run/00000000', run.record);
    await expect(opened(counting().pipeline, { ...ports, commits: emptied })).rejects.toMatchObject({
      kind: 'state-lost',
      message: /in\/0/,
    });
  });

  it('knows that also of a run whose creation was cut short between the two stores', async () => {
    const ports = testPorts();
    const create = ports.blobs.create.bind(ports.blobs);
    ports.blobs.create = async () => {
      throw new Error('cut short');
    };
    await expect(opened(counting().pipeline, ports)).rejects.toThrow('cut short');
    ports.blobs.create = create;
    await opened(counting().pipeline, ports);
    const emptied = new MemoryCommitStore({ volatile: false });
    await expect(opened(counting().pipeline, { ...ports, commits: emptied })).rejects.toMatchObject({
      kind: 'state-lost',
    });
  });

  it('says so if one task’s commits are gone', async () => {
    const { ports, run } = await begun();
    const partial = new MemoryCommitStore({ volatile: false });
    await partial.createRecord('counting', 'run/00000000', run.record);
    for (const { id } of run.tasks.slice(1)) {
      for (const commit of await ports.commits.slots('run', id))
        await partial.put('run', id, commit.header.version % 8, commit, 'absent');
    }
    await expect(opened(counting().pipeline, { ...ports, commits: partial })).rejects.toMatchObject({
      kind: 'state-lost',
      message: /in\/0/,
    });
  });

  it('completes a birth that was cut short', async () => {
    const ports = testPorts();
    let puts = 0;
    ports.faults.put = () => (++puts === 2 ? 'before' : undefined);
    await expect(opened(counting().pipeline, ports)).rejects.toMatchObject({ kind: 'unavailable' });
    const { pipeline: built, out } = counting();
    const run = await opened(built, ports);
    await settle(run.tasks);
    expect(out.records).toHaveLength(4);
  });

  it('has no use for the logs of a run that is gone with both stores: their frames are passed over', async () => {
    const { ports } = await begun();
    const { pipeline: built, out } = counting();
    const fresh = { ...ports, commits: new MemoryCommitStore({ volatile: false }), blobs: new MemoryBlobStore() };
    const run = await opened(built, fresh, { runId: 'another' });
    await settle(run.tasks);
    expect(out.records).toHaveLength(4);
    expect((await messagesIn(ports, 'counting.counts')).length).toBeGreaterThan(1);
  });

  it('makes the topics it needs, as wide as its stages', async () => {
    const ports = testPorts();
    await opened(counting({ parallelism: 3 }).pipeline, ports);
    expect(await ports.log.topic('counting.counts')).toMatchObject({ partitions: 3 });
    expect(await new MemoryLog(ports.clock).topic('counting.counts')).toBeUndefined();
  });
});

interface Row {
  readonly id: number;
  readonly key: string;
}

/** Sums by key; `bad` throws for what it has, in the source's stage for negative ids. */
function summing(bad: Set<number>, options: PipelineOptions = {}) {
  const out = toMemory<string>();
  const feed = new Feed<Row>(1, () => 0);
  const check = (r: Row): Row => {
    if (bad.has(r.id)) throw new Error(`bad: ${r.id}`);
    return r;
  };
  const built = pipeline(
    'summing',
    (p) => {
      p.source('in', feed)
        .map('look', (r) => (r.id < 0 ? check(r) : r))
        .keyBy('by-key', (r) => r.key)
        .reduce('sums', (a, b) => ({ key: b.key, id: a.id + check(b).id }))
        .map((r) => `${r.key}${r.id}`)
        .to('out', out);
    },
    { parallelism: 2, restart: noRestart(), fallback: 'dead-letter', ...options },
  );
  return { pipeline: built, out, feed };
}

describe('replaying dead letters', () => {
  async function withLetters(bad: Set<number>, ids: readonly number[]) {
    const ports = testPorts();
    const { pipeline: built, out, feed } = summing(bad);
    const run = await opened(built, ports);
    feed.push(0, [
      { id: 100, key: 'a' },
      { id: 200, key: 'b' },
      ...ids.map((id) => ({ id, key: id % 2 === 0 ? 'a' : 'b' })),
    ]);
    await settle(run.tasks);
    return { ports, run, out, letters: await storedLetters(ports, 'summing') };
  }

  it('13: puts records and rows back where they came from, and forgets them as letters', async () => {
    const bad = new Set([2, 3, -4]);
    const { ports, run, out, letters } = await withLetters(bad, [1, 2, 3, -4]);
    expect(letters.map(({ letter }) => [letter.kind, (letter.value as Row).id])).toEqual(
      expect.arrayContaining([
        ['row', -4],
        ['record', 2],
        ['record', 3],
      ]),
    );
    bad.clear();
    expect(await replayLetters(run.tasks, letters)).toBe(3);
    await settle(run.tasks);
    expect(out.records).toEqual(expect.arrayContaining(['a98', 'b204']));
    expect(await storedLetters(ports, 'summing')).toEqual([]);
    expect(await storedLetters(ports, 'summing', { replayed: true })).toHaveLength(3);
  });

  it('7: counts a letter once that is replayed twice', async () => {
    const bad = new Set([2, -4]);
    const { run, out, letters } = await withLetters(bad, [2, -4]);
    bad.clear();
    await replayLetters(run.tasks, letters);
    await settle(run.tasks);
    await replayLetters(run.tasks, letters);
    await settle(run.tasks);
    expect(out.records.filter((r) => r.startsWith('a')).at(-1)).toBe('a98');
    expect(out.records.filter((r) => r.startsWith('a'))).toHaveLength(3);
  });

  it('makes a letter again of what fails again', async () => {
    const bad = new Set([2]);
    const { ports, run, out, letters } = await withLetters(bad, [2]);
    await replayLetters(run.tasks, letters);
    await settle(run.tasks);
    const again = await storedLetters(ports, 'summing');
    expect(again.map(({ letter }) => letter.value)).toEqual([{ id: 2, key: 'a' }]);
    expect(again[0]!.id).not.toBe(letters[0]!.id);
    expect(out.records).toHaveLength(2);
  });

  it('waits between the attempts of a row, as the restart strategy says', async () => {
    const bad = new Set([-4]);
    const driver = await TestDriver.open(
      summing(bad, { restart: { kind: 'fixed', attempts: 1, delay: 5_000 } }).pipeline,
    );
    await driver.feed('in', [{ id: -4, key: 'a' }]);
    await driver.advance(seconds(5));
    expect(await driver.deadLetters()).toHaveLength(1);
    const replaying = driver.replayDeadLetters();
    for (let i = 0; i < 20; i++) await Promise.resolve().then(() => new Promise((resolve) => setTimeout(resolve, 1)));
    bad.clear();
    driver.clock.advance(seconds(5));
    await replaying;
    expect(driver.all('out')).toEqual(['a-4']);
    await driver.close();
  });

  it('refuses letters that have no way back, and says which', async () => {
    const { run, letters } = await withLetters(new Set([2]), [2]);
    const [stored] = letters;
    const timer = { ...stored!, letter: { ...stored!.letter, kind: 'timer' as const } };
    await expect(replayLetters(run.tasks, [timer])).rejects.toMatchObject({ message: /it is of a timer/ });
    const gone = { ...stored!, letter: { ...stored!.letter, stage: 'gone' } };
    await expect(replayLetters(run.tasks, [gone])).rejects.toMatchObject({ message: /no task gone/ });
    const edge = { ...stored!, letter: { ...stored!.letter, edge: 'gone' } };
    await expect(replayLetters(run.tasks, [stored!, edge])).rejects.toMatchObject({ message: /edge "gone"/ });
    expect(taskOf(run, 'sums').state?.status.kind).toBe('ok');
    expect(await replayLetters(run.tasks, [stored!])).toBe(1);
  });

  it('refuses a row whose stage writes to a sink', async () => {
    const ports = testPorts();
    const built = pipeline('direct', (p) => {
      const check = (n: number): number => {
        if (n === 2) throw new Error('two');
        return n;
      };
      p.source('in', collection([1, 2]))
        .map('check', check, { restart: { kind: 'none' }, fallback: 'dead-letter' })
        .to('out', toMemory<number>());
    });
    const run = await opened(built, ports);
    await settle(run.tasks);
    const letters = await storedLetters(ports, 'direct');
    expect(replayObstacle(run.tasks, letters[0]!)).toMatch(/writes to the sink "out"/);
    await expect(replayLetters(run.tasks, letters)).rejects.toMatchObject({ kind: 'invalid-pipeline' });
  });

  it('tells letters of one run from those of another', async () => {
    const { ports, run, letters } = await withLetters(new Set([2]), [2]);
    const [topic] = [await ports.log.topic('summing.dead-letters')];
    const [message] = (await ports.log.read(topic!, 0, 0, { messages: 1, bytes: 1_000_000 })).messages;
    const other = { ...(message!.message as Frame), run: 'another' };
    await ports.log.append([{ topic: topic!.name, partition: 0, message: other }]);
    expect(await storedLetters(ports, 'summing', { run: run.record.id })).toEqual(letters);
    expect(await storedLetters(ports, 'summing', { run: 'another' })).toHaveLength(1);
    expect(await storedLetters(ports, 'summing')).toHaveLength(2);
  });
});
