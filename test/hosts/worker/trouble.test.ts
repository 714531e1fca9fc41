import { describe, expect, it, onTestFinished } from 'vitest';
import type { MemoryLog } from '../../../lib/adapters/memory/index.ts';
import {
  boundedOutOfOrderness,
  count,
  type Duration,
  epochMillis,
  MillraceError,
  noRestart,
  type Pipeline,
  pipeline,
  seconds,
  tumbling,
} from '../../../lib/index.ts';
import { Feed } from '../../../lib/testing/index.ts';
import { Cluster, ledger, type Running, until } from './cluster.ts';

interface Row {
  readonly n: number;
  readonly poison?: boolean;
}

/** Rows of two partitions, spread over two tasks; one that is poison throws until the code is mended. */
class Passing {
  readonly cluster = new Cluster();
  readonly feed = new Feed<Row>(2, () => Date.now(), { grows: true });
  readonly out = ledger<Row>();
  readonly pipeline: Pipeline;
  isMended = false;
  #pushed = 0;

  constructor() {
    this.pipeline = pipeline(
      'passing',
      (p) => {
        p.source('in', this.feed)
          .rebalance('spread')
          .map('pass', (row) => {
            if (row.poison === true && !this.isMended) throw new Error('it is poison');
            return row;
          })
          .to('out', this.out);
      },
      { parallelism: 2, restart: noRestart() },
    );
    onTestFinished(() => this.cluster.close());
  }

  push(rows: number, partition?: number): void {
    for (let i = 0; i < rows; i++) this.feed.push(partition ?? this.#pushed % 2, [{ n: this.#pushed++ }]);
  }

  get found(): readonly number[] {
    return this.out.records.map(({ n }) => n).sort((a, b) => a - b);
  }

  get expected(): readonly number[] {
    return Array.from({ length: this.#pushed }, (_, n) => n);
  }
}

const stateOf = ({ worker }: Running, task: string) => worker.status().tasks.find((each) => each.task === task)?.state;

describe('a worker in trouble', () => {
  it('lets a task rest that has stopped, while the others go on, and says why', async () => {
    const run = new Passing();
    const a = await run.cluster.start(run.pipeline);
    run.feed.push(0, [{ n: -1, poison: true }]);
    await until('a task has stopped', () => a.worker.status().tasks.some(({ state }) => state.kind === 'stopped'));
    const stopped = a.worker.status().tasks.find(({ state }) => state.kind === 'stopped');
    expect(stopped?.state).toMatchObject({ reason: 'failed', message: expect.stringContaining('it is poison') });
    run.push(40);
    await until('the other has worked', () => run.found.length >= 20);
    expect(a.worker.status().tasks.filter(({ state }) => state.kind === 'ok')).toHaveLength(3);
  });

  it('begins once more with a stopped task when a worker is started anew', async () => {
    const run = new Passing();
    const a = await run.cluster.start(run.pipeline);
    run.feed.push(0, [{ n: -1, poison: true }]);
    await until('a task has stopped', () => a.worker.status().tasks.some(({ state }) => state.kind === 'stopped'));
    run.isMended = true;
    run.push(10);
    // It gets the task only when the other has let go of it.
    await run.cluster.start(run.pipeline);
    a.worker.stop();
    await a.end;
    await until('all is through', () => run.found.length === 11);
    expect(run.found).toEqual([-1, ...run.expected]);
  });

  it('goes on after stores that fail, in whatever way, and never ends for it', async () => {
    const run = new Passing();
    const { log, commits, blobs } = run.cluster.ports;
    let failing = false;
    let failures = 0;
    for (const store of [log, commits, blobs] as object[]) {
      const target = store as Record<string, (...args: unknown[]) => Promise<unknown>>;
      for (const name of ['append', 'read', 'bounds', 'put', 'slots', 'head', 'records', 'get']) {
        const call = target[name]?.bind(target);
        if (call === undefined) continue;
        target[name] = async (...args) => {
          if (!failing) return call(...args);
          failures++;
          // What clients throw that do not know our errors.
          if (failures % 3 === 0) throw new TypeError('socket hang up');
          throw new MillraceError('unavailable', 'it cannot be reached');
        };
      }
    }
    const unheard: unknown[] = [];
    const hear = (reason: unknown): void => void unheard.push(reason);
    process.on('unhandledRejection', hear);
    onTestFinished(() => void process.off('unhandledRejection', hear));
    const a = await run.cluster.start(run.pipeline);
    for (let round = 0; round < 3; round++) {
      failing = true;
      run.push(30);
      const before = failures;
      await until('something has failed', () => failures > before + 5);
      failing = false;
      await until('all is through', () => run.found.length === run.expected.length);
    }
    expect(run.found).toEqual(run.expected);
    expect(a.worker.status().ready).toBe(true);
    expect(unheard).toEqual([]);
  });

  it('goes on trying to open its run while a store cannot be reached', async () => {
    const run = new Passing();
    const { commits } = run.cluster.ports;
    const { records } = commits;
    let refused = 0;
    commits.records = async (...args) => {
      if (refused++ < 2) throw new MillraceError('unavailable', 'not yet');
      return records.apply(commits, args);
    };
    run.push(4);
    await run.cluster.start(run.pipeline);
    await until('all is through', () => run.found.length === 4);
  });

  it('stops a task whose topic was deleted and created anew, naming the topic', async () => {
    const run = new Passing();
    const a = await run.cluster.start(run.pipeline);
    run.push(8);
    await until('all is through', () => run.found.length === 8);
    const log = run.cluster.ports.log as MemoryLog;
    log.deleteTopic('passing.pass');
    await log.ensureTopic('passing.pass', 2);
    await until('a task has stopped', () => stateOf(a, 'pass/0')?.kind === 'stopped');
    expect(stateOf(a, 'pass/0')).toMatchObject({
      reason: 'data-lost',
      message: expect.stringContaining('passing.pass'),
    });
    expect(stateOf(a, 'in/0')?.kind).toBe('ok');
  });

  it('stops every task of every worker where the commit store is emptied, idle or busy, long before its slots come round', async () => {
    const run = new Passing();
    const slots = { slots: 1_000 };
    const [a, b] = [await run.cluster.start(run.pipeline, slots), await run.cluster.start(run.pipeline, slots)];
    run.push(8, 0);
    await until('all is through', () => run.found.length === 8);
    const busy = setInterval(() => run.push(1, 0), 1);
    onTestFinished(() => clearInterval(busy));
    await until('more is through', () => run.found.length > 20);
    run.cluster.emptyCommits();
    const states = () => [a, b].flatMap(({ worker }) => worker.status().tasks.map(({ state }) => state));
    await until('all have stopped', () => states().every(({ kind }) => kind === 'stopped'));
    expect(states()).toHaveLength(4);
    for (const state of states()) expect(state).toMatchObject({ reason: 'state-lost' });
    const { found } = run;
    run.push(20);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(run.found).toEqual(found);
    expect(new Set(found).size).toBe(found.length);
    // No commit may make it look as if there were a state to go on from.
    await expect(run.cluster.start(run.pipeline)).rejects.toMatchObject({ kind: 'state-lost' });
  });

  it('goes on with other sources while partitions of one cannot be counted', async () => {
    const cluster = new Cluster();
    onTestFinished(() => cluster.close());
    const out = ledger<{ readonly key: string; readonly n: number }>();
    const newFeed = () => new Feed<{ at: number }>(1, () => Date.now(), { grows: true });
    const [good, bad] = [newFeed(), newFeed()];
    const counted = (p: Parameters<Parameters<typeof pipeline>[1]>[0], name: string, feed: Feed<{ at: number }>) =>
      p
        .source(name, feed, {
          eventTime: (row) => epochMillis(row.at),
          watermark: boundedOutOfOrderness(0 as Duration),
        })
        .keyBy(`${name}-by`, () => name)
        .window(tumbling(seconds(1)))
        .aggregate(`${name}-n`, { n: count() })
        .to(`${name}-out`, out);
    const two = pipeline('two', (p) => {
      counted(p, 'good', good);
      counted(p, 'bad', bad);
    });
    const open = bad.open.bind(bad);
    let failing = false;
    bad.open = async () => {
      const log = await open();
      const partitions = log.partitions!.bind(log);
      log.partitions = async () => {
        if (failing) throw new MillraceError('unavailable', 'its metadata cannot be read');
        return partitions();
      };
      return log;
    };
    await cluster.start(two);
    failing = true;
    const at = Date.now() - 60_000;
    good.push(0, [{ at }]);
    await until('the window has closed by the silence of its source', () => out.records.length === 1);
    expect(out.records).toMatchObject([{ key: 'good', n: 1 }]);
  });

  it('goes on although whoever is told of a failure throws', async () => {
    const run = new Passing();
    const { telemetry, commits } = run.cluster.ports;
    const countOf = telemetry.count.bind(telemetry);
    let thrown = 0;
    telemetry.count = (metric, ...rest) => {
      if (metric !== 'millrace.worker.failures') return countOf(metric, ...rest);
      thrown++;
      throw new Error('nobody listens');
    };
    const put = commits.put;
    let failing = true;
    commits.put = async function (...args) {
      if (failing && args[4] !== 'absent') throw new MillraceError('unavailable', 'not now');
      return put.apply(this, args);
    };
    await run.cluster.start(run.pipeline, { slots: 1 });
    run.push(4);
    await until('it has failed', () => thrown > 3);
    failing = false;
    await until('all is through', () => run.found.length === 4);
  });

  it('ends in time when it is asked to, also while steps wait for a store that does not answer', async () => {
    const run = new Passing();
    const a = await run.cluster.start(run.pipeline, { stopTimeout: 200 as Duration });
    run.push(8);
    await until('all is through', () => run.found.length === 8);
    a.gate.sleep();
    run.push(8);
    await until('a step is under way', () => run.found.length >= 8);
    const began = performance.now();
    a.worker.stop();
    expect(await a.end).toEqual({ kind: 'stopped', error: undefined });
    expect(performance.now() - began).toBeLessThan(1_000);
    a.gate.wake();
  });

  it('gives up opening a run at once when it is asked to', async () => {
    const run = new Passing();
    const { commits } = run.cluster.ports;
    commits.records = () => new Promise(() => {});
    const stop = new AbortController();
    const opening = run.cluster.start(run.pipeline, { signal: stop.signal });
    setTimeout(() => stop.abort(new Error('enough')), 50);
    await expect(opening).rejects.toThrow('enough');
  });

  it('works on partitions that a source gains, whoever of the workers gets them', async () => {
    const run = new Passing();
    const [a, b] = [await run.cluster.start(run.pipeline), await run.cluster.start(run.pipeline)];
    run.push(10);
    await until('all is through', () => run.found.length === 10);
    for (const partition of [run.feed.grow(), run.feed.grow(), run.feed.grow()]) run.push(5, partition);
    await until('all is through', () => run.found.length === 25);
    const tasks = [a, b].flatMap(({ worker }) => worker.status().tasks.map(({ task }) => task));
    expect(tasks.sort()).toEqual(['in/0', 'in/1', 'in/2', 'in/3', 'in/4', 'pass/0', 'pass/1']);
  });

  it('does not read ahead for a task that does not get on', async () => {
    const run = new Passing();
    const { log } = run.cluster.ports;
    const reads: number[] = [];
    const read = log.read.bind(log);
    log.read = async (topic, partition, from, limit) => {
      const slice = await read(topic, partition, from, limit);
      if (topic.name === 'passing.pass' && partition === 0) reads.push(slice.messages.length);
      return slice;
    };
    const a = await run.cluster.start(run.pipeline, { limits: { sourceRows: 1, batchMessages: 2 } });
    const { commits } = run.cluster.ports;
    const put = commits.put.bind(commits);
    let release = (): void => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    commits.put = async (...args) => {
      if (args[1].stage === 'pass') await held;
      return put(...args);
    };
    run.push(60);
    await until('the sources are read', () => a.worker.status().records === 60);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(reads.reduce((x, y) => x + y, 0)).toBeLessThanOrEqual(6);
    release();
    await until('all is through', () => run.found.length === 60);
    expect(run.found).toEqual(run.expected);
  });
});
