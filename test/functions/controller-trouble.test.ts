import { describe, expect, it } from 'vitest';
import { controllerMetrics } from '../../functions/controller-metrics.ts';
import { MemoryCommitStore } from '../../lib/adapters/memory/index.ts';
import { collection, type MemorySink, MillraceError, type Pipeline, pipeline, toMemory } from '../../lib/index.ts';
import type { StatusAnswer } from '../../lib/operations/index.ts';
import { Feed } from '../../lib/testing/index.ts';
import { LocalLambda } from './local-lambda.ts';

class Shop {
  readonly lambda = new LocalLambda();
  readonly feed = new Feed<number>(2, () => this.lambda.clock.now());
  readonly out: MemorySink<number> = toMemory<number>();
  #rows = 0;

  pipeline(parallelism = 2, double = (n: number): number => 2 * n): Pipeline {
    return pipeline(
      'shop',
      (p) => {
        p.source('rows', this.feed).rebalance('spread').map('double', double).to('out', this.out);
      },
      { parallelism },
    );
  }

  push(rows: number): void {
    for (let i = 0; i < rows; i++) this.feed.push(this.#rows % 2, [this.#rows++]);
  }

  get sorted(): readonly number[] {
    return this.out.records.toSorted((a, b) => a - b);
  }

  get expected(): readonly number[] {
    return Array.from({ length: this.#rows }, (_, n) => 2 * n);
  }

  status(): Promise<StatusAnswer> {
    return this.lambda.command({ name: 'status' });
  }

  async deployed(): Promise<this> {
    this.lambda.deploy(this.pipeline());
    this.push(10);
    await this.lambda.settle();
    return this;
  }
}

const unavailable = (message: string, hint: string): MillraceError =>
  new MillraceError('unavailable', message, { hint, retry: false });

describe('a deployment in trouble says so, keeps its data, and goes on once it is put right', () => {
  it.each([
    ['cluster that cannot be reached', 'log.', 'no broker can be reached'],
    ['table to which access is denied', 'commits.', 'access to table t is denied'],
    ['bucket to which access is denied', 'blobs.', 'access to bucket b is denied'],
    ['credentials that have expired', '', 'the credentials have expired'],
  ])('a %s', async (_, calls, message) => {
    const shop = new Shop();
    const { lambda } = shop;
    lambda.deploy(shop.pipeline());
    lambda.trouble = (call) => (call.startsWith(calls) ? unavailable(message, 'put it right') : undefined);
    shop.push(10);
    await expect(lambda.tick()).rejects.toThrow(message);
    expect(lambda.telemetry.reading(controllerMetrics.failures, { pipeline: 'shop' })).toBe(1);
    expect(lambda.telemetry.lines('error').at(-1)).toMatchObject({
      message: expect.stringContaining(message),
      fields: { kind: 'unavailable', hint: 'put it right' },
    });
    expect((await shop.status()).error).toMatchObject({ kind: 'unavailable', message, hint: 'put it right' });
    lambda.trouble = () => undefined;
    await lambda.settle();
    expect(shop.sorted).toEqual(shop.expected);
    expect((await shop.status()).error).toBeUndefined();
    expect(lambda.telemetry.reading(controllerMetrics.failures, { pipeline: 'shop' })).toBe(0);
  });

  it.each([
    ['cluster', 'log.', 'no broker can be reached'],
    ['table', 'commits.', 'access to table t is denied'],
  ])('a %s that goes while it works', async (_, calls, message) => {
    const made = await new Shop().deployed();
    made.lambda.trouble = (call) => (call.startsWith(calls) ? unavailable(message, 'put it right') : undefined);
    made.push(10);
    await expect(made.lambda.tick()).rejects.toThrow(message);
    const status = await made.status();
    expect(made.lambda.telemetry.reading(controllerMetrics.failures, { pipeline: 'shop' })).toBe(1);
    if (calls === 'commits.') expect(status).toMatchObject({ state: 'unavailable', error: { message } });
    else expect(status).toMatchObject({ state: 'running', error: { message } });
    made.lambda.trouble = () => undefined;
    await made.lambda.settle();
    expect(made.sorted).toEqual(made.expected);
  });

  it('a table that was emptied: state is lost, and nothing begins anew', async () => {
    const shop = await new Shop().deployed();
    const { lambda } = shop;
    const full = lambda.ports.commits;
    lambda.replaceCommits(new MemoryCommitStore({ volatile: false }));
    shop.push(10);
    for (let i = 0; i < 3; i++) await expect(lambda.tick()).rejects.toMatchObject({ kind: 'state-lost' });
    const status = await shop.status();
    expect(status).toMatchObject({ state: 'unavailable', error: { kind: 'state-lost' } });
    expect(await lambda.ports.commits.records('shop', 'run/')).toEqual([]);
    lambda.replaceCommits(full);
    await lambda.settle();
    expect(shop.sorted).toEqual(shop.expected);
  });

  it('a table that was emptied before the function began: state is lost, and nothing begins anew', async () => {
    const shop = await new Shop().deployed();
    const { lambda } = shop;
    lambda.replaceCommits(new MemoryCommitStore({ volatile: false }));
    lambda.coldStart();
    await expect(lambda.tick()).rejects.toMatchObject({ kind: 'state-lost' });
    expect((await shop.status()).error).toMatchObject({ kind: 'state-lost' });
    expect(await lambda.ports.commits.records('shop', 'run/')).toEqual([]);
  });

  it('a topic that was deleted: its tasks stop, and say why', async () => {
    const shop = await new Shop().deployed();
    const { lambda } = shop;
    const { topic } = shop.pipeline().plan.stages[1]!;
    lambda.log.deleteTopic(topic);
    await lambda.log.ensureTopic(topic, 2);
    shop.push(4);
    await lambda.settle();
    const { tasks } = await shop.status();
    const stopped = tasks.filter(({ status }) => status === 'stopped');
    expect(stopped.map(({ stage }) => stage)).toEqual(['double', 'double']);
    expect(stopped[0]).toMatchObject({ reason: 'data-lost', error: { message: expect.stringContaining('made anew') } });
    expect(lambda.telemetry.reading(controllerMetrics.stopped, { stage: 'double' })).toBe(2);
    lambda.coldStart();
    await expect(lambda.tick()).rejects.toMatchObject({ kind: 'data-lost' });
    expect((await shop.status()).error).toMatchObject({
      kind: 'data-lost',
      message: expect.stringContaining('deleted'),
    });
  });

  it('code that cannot go on from the state: the code before it goes on, and says so', async () => {
    const shop = await new Shop().deployed();
    const { lambda } = shop;
    lambda.deploy(shop.pipeline(3));
    shop.push(10);
    await lambda.settle();
    expect(shop.sorted).toEqual(shop.expected);
    const { telemetry } = lambda;
    expect(telemetry.reading(controllerMetrics.refused, { pipeline: 'shop' })).toBe(1);
    expect(await shop.status()).toMatchObject({ state: 'running', error: { kind: 'incompatible' } });
    expect(await lambda.command({ name: 'pause' })).toEqual({ asked: 'requested' });
    expect(await lambda.command({ name: 'resume' })).toEqual({ lifted: true, tasks: [] });
    lambda.deploy(shop.pipeline(2, (n) => n * 2));
    shop.push(10);
    await lambda.settle();
    expect(shop.sorted).toEqual(shop.expected);
    expect((await shop.status()).code).toEqual({ version: 1, switching: [] });
  });

  it('code of another pipeline', async () => {
    const lambda = new LocalLambda();
    lambda.deploy(
      pipeline('other', (p) => {
        p.source('rows', collection([1])).to('out', toMemory<number>());
      }),
      'shop',
    );
    await expect(lambda.tick()).rejects.toMatchObject({ kind: 'incompatible' });
    expect((await lambda.command({ name: 'status' })).error).toMatchObject({ kind: 'incompatible' });
  });
});
