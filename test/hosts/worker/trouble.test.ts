import { describe, expect, it, onTestFinished } from 'vitest';
import type { MemoryLog } from '../../../lib/adapters/memory/index.ts';
import { MillraceError, noRestart, type Pipeline, pipeline } from '../../../lib/index.ts';
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
