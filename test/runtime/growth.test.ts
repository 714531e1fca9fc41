import { beforeEach, describe, expect, it } from 'vitest';
import { MemoryCommitStore } from '../../lib/adapters/memory/index.ts';
import { boundedOutOfOrderness, count, epochMillis, pipeline, seconds, toMemory, tumbling } from '../../lib/index.ts';
import { storedRun, viewTasks } from '../../lib/inspect/index.ts';
import { type Duration, taskName } from '../../lib/model/index.ts';
import { Controller, type OpenRun } from '../../lib/runtime/index.ts';
import { Feed } from '../../lib/testing/index.ts';
import { framesIn, opened, settle, type TestPorts, taskOf, testPorts } from './stage.ts';

interface Row {
  readonly at: number;
  readonly id: string;
}

const zero = 0 as Duration;

/** Counts by ten seconds behind a stage of its own that keeps partitions; each row also goes to a sink in the source's stage. */
function counting(feed: Feed<Row>, { changed = false } = {}) {
  const raw = toMemory<Row>();
  const out = toMemory<{ start: number; n: number }>();
  const built = pipeline(
    'counting',
    (p) => {
      const read = p.source('in', feed, {
        eventTime: (r) => epochMillis(r.at),
        watermark: boundedOutOfOrderness(seconds(1)),
        idleAfter: seconds(30),
      });
      const rows = changed ? read.filter('all', () => true) : read;
      rows.to('raw', raw);
      rows
        .async('wait', async (row) => row)
        .keyBy('one', () => 'one')
        .window(tumbling(seconds(10)))
        .aggregate('counts', { n: count() }, (_, { start }, { n }) => ({ start: start as number, n }))
        .to('out', out);
    },
    { parallelism: 2 },
  );
  return { built, raw, out };
}

const names = ({ tasks }: Pick<OpenRun, 'tasks'>): string[] => tasks.map(({ id }) => taskName(id));
const rows = (from: number, to: number, name: string): Row[] =>
  Array.from({ length: to - from }, (_, i) => ({ at: (from + i) * 1_000, id: `${name}${from + i}` }));

describe('a source that gains a partition', () => {
  let ports: TestPorts;
  let feed: Feed<Row>;
  const open = (options = {}): Promise<OpenRun> => opened(counting(feed, options).built, ports);

  beforeEach(() => {
    ports = testPorts();
    feed = new Feed<Row>(2, () => ports.clock.now(), { grows: true });
  });

  it('gets a task for it, which reads it from its beginning; stages that took their number from it keep theirs', async () => {
    const { built, raw, out } = counting(feed);
    const run = await opened(built, ports);
    expect(names(run)).toEqual(['in/0', 'in/1', 'wait/0', 'wait/1', 'counts/0', 'counts/1']);
    feed.push(0, rows(0, 5, 'a'));
    feed.push(1, rows(0, 5, 'b'));
    await settle(run.tasks);
    feed.push(feed.grow(), rows(2, 9, 'c'));
    expect(names({ tasks: await run.grow() })).toEqual(['in/2']);
    expect(await run.grow()).toEqual([]);
    expect(names(run)).toEqual(['in/0', 'in/1', 'in/2', 'wait/0', 'wait/1', 'counts/0', 'counts/1']);
    expect(run.record.tasks).toHaveLength(7);
    feed.seal();
    await settle(run.tasks);
    expect(raw.records.map(({ id }) => id).sort()).toEqual(
      [...rows(0, 5, 'a'), ...rows(0, 5, 'b'), ...rows(2, 9, 'c')].map(({ id }) => id).sort(),
    );
    expect(out.records).toEqual([{ start: 0, n: 17 }]);
    const frames = await framesIn(ports, taskOf(run, 'wait').host.stage.topic, 0);
    const fromGained = frames.filter((frame) => frame.channel.task === 2);
    expect(fromGained.flatMap((frame) => frame.values as Row[])).toHaveLength(7);
  });

  it('9: is counted in what is sent after the rows that were read by then, before anybody else knows', async () => {
    const run = await open();
    feed.push(0, rows(0, 2, 'a'));
    await taskOf(run, 'in', 0).ring();
    feed.grow();
    feed.push(0, rows(2, 4, 'a'));
    await taskOf(run, 'in', 0).ring();
    const frames = await framesIn(ports, taskOf(run, 'wait').host.stage.topic, 0);
    expect(frames.map(({ channels }) => channels)).toEqual([2, 3]);
  });

  it('9: holds the watermark until the new partition has spoken', async () => {
    const { built, out } = counting(feed);
    const run = await opened(built, ports);
    for (const p of [0, 1]) feed.push(p, rows(0, 5, 'a'));
    await settle(run.tasks);
    feed.grow();
    for (const p of [0, 1]) feed.push(p, rows(5, 25, 'a'));
    await settle(run.tasks);
    expect(out.records).toEqual([]);
    await run.grow();
    feed.push(2, [{ at: 4_000, id: 'c' }]);
    await settle(run.tasks);
    expect(out.records).toEqual([]);
    feed.push(2, rows(24, 25, 'c'));
    await settle(run.tasks);
    expect(out.records).toEqual([
      { start: 0, n: 21 },
      { start: 10_000, n: 20 },
    ]);
    expect(ports.telemetry.counter('millrace.records.late')).toBe(0);
  });

  it('16: is passed over, if it never has a record, once it was silent for long enough since it was found', async () => {
    const { built, out } = counting(feed);
    const run = await opened(built, ports);
    const controller = new Controller(run, ports, { skew: zero, grace: zero });
    ports.clock.advance(seconds(3_600));
    feed.grow();
    for (const p of [0, 1]) feed.push(p, rows(0, 25, 'a'));
    await settle(run.tasks);
    await controller.round();
    await settle(run.tasks);
    expect(names(run)).toContain('in/2');
    ports.clock.advance(seconds(29));
    await controller.round();
    await settle(run.tasks);
    expect(out.records).toEqual([]);
    ports.clock.advance(seconds(2));
    await controller.round();
    await settle(run.tasks);
    expect(out.records).toHaveLength(3);
  });

  it('is found by a round of the controller, which rings its task and audits it', async () => {
    const run = await open();
    const controller = new Controller(run, ports, { skew: zero, grace: zero });
    feed.push(feed.grow(), rows(0, 3, 'c'));
    const { rings } = await controller.round();
    expect(rings).toEqual([{ task: { stage: 'in', partition: 2 }, reason: 'backlog' }]);
    await taskOf(run, 'in', 2).ring();
    expect(await controller.audit()).toEqual([]);
  });

  it('has its task shown by views of the stores', async () => {
    const run = await open();
    feed.grow();
    await run.grow();
    const views = await viewTasks(ports, await storedRun(ports));
    expect(views.map((view) => taskName(view))).toEqual(names(run));
    expect(views.every(({ status }) => status === 'ok')).toBe(true);
  });

  it('is known when the run is opened again, and what was gained meanwhile is found', async () => {
    const first = await open();
    feed.grow();
    await first.grow();
    expect(names(await open())).toEqual(names(first));
    feed.grow();
    expect(names(await open())).toEqual(['in/0', 'in/1', 'in/2', 'in/3', ...names(first).slice(3)]);
  });

  it('1: is found by several processes at once, to one task', async () => {
    const runs = [await open(), await open(), await open()];
    feed.push(feed.grow(), rows(0, 6, 'c'));
    await Promise.all(runs.map((run) => run.grow()));
    for (const run of runs) expect(names(run)).toEqual(names(runs[0]!));
    const results = await Promise.all(runs.map((run) => taskOf(run, 'in', 2).ring()));
    expect(results.map(({ kind }) => kind).sort()).toEqual(['advanced', 'lost', 'lost']);
  });

  it('11: is begun by the code that is in force', async () => {
    await open();
    const run = await open({ changed: true });
    feed.push(feed.grow(), rows(0, 3, 'c'));
    await run.grow();
    expect(taskOf(run, 'in', 2).host.epoch).toBe(1);
    expect((await taskOf(run, 'in', 2).ring()).kind).toBe('advanced');
  });

  it('after its end was fixed says the end at once for what it gains, so that nothing waits for it', async () => {
    const { built, out } = counting(feed);
    const run = await opened(built, ports);
    for (const p of [0, 1]) feed.push(p, rows(0, 5, 'a'));
    await settle(run.tasks);
    for (const p of [0, 1]) await taskOf(run, 'in', p).drainTo(5);
    feed.push(feed.grow(), rows(0, 5, 'c'));
    await run.grow();
    await settle(run.tasks);
    expect(out.records).toEqual([{ start: 0, n: 10 }]);
    expect(taskOf(run, 'in', 2).state?.done).toBe(true);
  });

  it.each(['records', 'head', 'before put', 'after put', 'before record', 'after record'])(
    'is found at the next look where one was cut short: %s',
    async (cut) => {
      const { built, raw } = counting(feed);
      const run = await opened(built, ports);
      feed.push(feed.grow(), rows(0, 3, 'c'));
      const fails = async (): Promise<never> => {
        throw new Error('cut short');
      };
      const { commits, faults } = ports;
      const whole = {
        records: commits.records.bind(commits),
        head: commits.head.bind(commits),
        createRecord: commits.createRecord.bind(commits),
      };
      if (cut === 'records') commits.records = fails;
      if (cut === 'head') commits.head = fails;
      if (cut.endsWith('put')) faults.put = () => cut.split(' ')[0] as 'before' | 'after';
      if (cut.endsWith('record'))
        commits.createRecord = async (...record) => {
          if (cut === 'after record') await whole.createRecord(...record);
          throw new Error('cut short');
        };
      await expect(run.grow()).rejects.toThrow();
      expect(names(run)).not.toContain('in/2');
      Object.assign(commits, whole);
      faults.put = () => undefined;
      for (const each of [run, await opened(built, ports)]) {
        await each.grow();
        expect(names(each)).toContain('in/2');
      }
      await settle(run.tasks);
      expect(raw.records).toHaveLength(3);
    },
  );
});

describe('after a source has gained a partition', () => {
  async function grown() {
    const ports = testPorts();
    const feed = new Feed<Row>(1, () => ports.clock.now(), { grows: true });
    const run = await opened(counting(feed).built, ports);
    feed.push(0, rows(0, 3, 'a'));
    await settle(run.tasks);
    feed.push(feed.grow(), rows(0, 3, 'b'));
    await run.grow();
    return { ports, feed, run };
  }

  it('an emptied commit store is lost state still, also one that knows of the run again', async () => {
    const { ports, feed, run } = await grown();
    const emptied = new MemoryCommitStore({ volatile: false });
    const reopened = () => opened(counting(feed).built, { ...ports, commits: emptied });
    await expect(reopened()).rejects.toMatchObject({ kind: 'state-lost' });
    for (const { name, value } of await ports.commits.records('counting', 'run/'))
      await emptied.createRecord('counting', name, value);
    await expect(reopened()).rejects.toMatchObject({ kind: 'state-lost', message: /in\/0/ });
    for (const { name, value } of await ports.commits.records('counting', ''))
      await emptied.createRecord('counting', name, value);
    expect(names(run)).toContain('in/1');
    await expect(reopened()).rejects.toMatchObject({ kind: 'state-lost', message: /in\/0, in\/1/ });
  });

  it.each([['worked'], ['not worked']])('commits of its task that are gone are lost state: it had %s', async (how) => {
    const { ports, feed, run } = await grown();
    if (how === 'worked') await settle(run.tasks);
    const partial = new MemoryCommitStore({ volatile: false });
    for (const { name, value } of await ports.commits.records('counting', ''))
      await partial.createRecord('counting', name, value);
    for (const { id } of run.tasks.filter(({ id: each }) => taskName(each) !== 'in/1')) {
      for (const commit of await ports.commits.slots('run', id))
        await partial.put('run', id, commit.header.version % 8, commit, 'absent');
    }
    await expect(opened(counting(feed).built, { ...ports, commits: partial })).rejects.toMatchObject({
      kind: 'state-lost',
      message: expect.stringMatching(/these tasks are gone: in\/1$/),
    });
  });

  it('one that has lost it again is lost data: when the run is opened, and while it is open', async () => {
    const { ports, run } = await grown();
    const fewer = new Feed<Row>(1, () => ports.clock.now(), { grows: true });
    const refusal = { kind: 'data-lost', message: 'source "in" had 2 partitions, and has 1' };
    await expect(opened(counting(fewer).built, ports)).rejects.toMatchObject(refusal);
    const fixed = new Feed<Row>(1, () => ports.clock.now());
    await expect(opened(counting(fixed).built, ports)).rejects.toMatchObject(refusal);
    run.sources.get('in')!.partitions = async () => 1;
    await expect(run.grow()).rejects.toMatchObject(refusal);
  });
});

describe('a source that may gain partitions', () => {
  it('is refused where a sink in its stage must have one writer', async () => {
    const ports = testPorts();
    const made = (feed: Feed<Row>, single: boolean) =>
      pipeline('single', (p) => {
        p.source('in', feed).to('out', { ...toMemory<Row>(), single });
      });
    const growing = new Feed<Row>(1, () => ports.clock.now(), { grows: true });
    await expect(opened(made(growing, true), ports)).rejects.toMatchObject({
      kind: 'invalid-pipeline',
      message: 'source "in" may gain partitions, and sink "out" must have a single writer',
      hint: expect.stringContaining('gathered'),
    });
    await opened(made(growing, false), testPorts());
    await opened(made(new Feed<Row>(1, () => ports.clock.now()), true), testPorts());
  });
});
