import { beforeEach, describe, expect, it } from 'vitest';
import { KafkaClient } from '../../../lib/adapters/kafka/index.ts';
import { FakeCluster, type SentBatch } from './fake-cluster.ts';

const NOT_LEADER = 6;
const TOO_LARGE = 10;
const DUPLICATE = 46;

describe('appends', () => {
  let cluster: FakeCluster;
  let client: KafkaClient;

  beforeEach(() => {
    cluster = new FakeCluster();
    client = new KafkaClient({ brokers: ['any:1'] }, { patience: 300, batchBytes: 1_000 }, cluster.open);
  });

  const records = (partition: number, count: number, size = 10) =>
    Array.from({ length: count }, () => ({ topic: cluster.topic, partition, record: { value: new Uint8Array(size) } }));
  const sent = (partition?: number) =>
    cluster.requests.flat().filter((batch) => partition === undefined || batch.partition === partition);
  const shape = ({ partition, sequence, count }: SentBatch) => [partition, sequence, count];

  it('go in one request for each broker', async () => {
    await client.append([0, 1, 2, 3].flatMap((partition) => records(partition, 2)));
    expect(cluster.requests.map((batches) => batches.map(shape))).toEqual([
      [
        [0, 0, 2],
        [2, 0, 2],
      ],
      [
        [1, 0, 2],
        [3, 0, 2],
      ],
    ]);
  });

  it('that come while one is under way go together in the next', async () => {
    let release = (_: readonly number[]) => {};
    cluster.reaction = () => new Promise((resolve) => (release = resolve));
    const first = client.append(records(0, 1));
    await expect.poll(() => sent().length).toBe(1);
    const rest = [client.append(records(0, 2)), client.append(records(0, 3))];
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(sent().map(shape)).toEqual([[0, 0, 1]]);
    cluster.reaction = (batches) => batches.map(() => 0);
    release([0]);
    await Promise.all([first, ...rest]);
    expect(sent().map(shape)).toEqual([
      [0, 0, 1],
      [0, 1, 5],
    ]);
  });

  it('that exceed a batch are sent one batch after the other', async () => {
    let under = 0;
    cluster.reaction = async (batches) => {
      expect(++under).toBe(1);
      await new Promise((resolve) => setTimeout(resolve, 5));
      under--;
      return batches.map(() => 0);
    };
    await client.append(records(0, 10, 400));
    expect(sent().map(shape)).toEqual([0, 2, 4, 6, 8].map((sequence) => [0, sequence, 2]));
  });

  it.each([
    ['the leader has moved', [NOT_LEADER] as const],
    ['the connection is lost', 'lost' as const],
  ])('are sent again as they were when %s', async (_, failure) => {
    let n = 0;
    cluster.reaction = (batches) => (n++ < 2 ? failure : batches.map(() => 0));
    await client.append(records(0, 3));
    await client.append(records(0, 1));
    expect(sent().map(shape)).toEqual([
      [0, 0, 3],
      [0, 0, 3],
      [0, 0, 3],
      [0, 3, 1],
    ]);
    expect(new Set(sent().map(({ producer }) => producer)).size).toBe(1);
  });

  it('succeed when the broker had them already', async () => {
    cluster.reaction = () => [DUPLICATE];
    await client.append(records(0, 1));
  });

  it('keep their order while an earlier one is sent again', async () => {
    let n = 0;
    cluster.reaction = (batches) => (n++ === 0 ? 'lost' : batches.map(() => 0));
    await Promise.all([
      client.append(records(0, 1)),
      new Promise((r) => setTimeout(r, 5)).then(() => client.append(records(0, 2))),
    ]);
    expect(sent().map(shape)).toEqual([
      [0, 0, 1],
      [0, 0, 1],
      [0, 1, 2],
    ]);
  });

  it('that stay unknown are given up in time, and the next begins with another producer id', async () => {
    cluster.reaction = () => 'lost';
    const begun = performance.now();
    await expect(client.append(records(0, 1))).rejects.toMatchObject({ kind: 'unavailable', retry: true });
    expect(performance.now() - begun).toBeLessThan(2_000);
    cluster.reaction = (batches) => batches.map(() => 0);
    await client.append(records(0, 2));
    const last = sent().at(-1)!;
    expect(shape(last)).toEqual([0, 0, 2]);
    expect(last.producer).not.toBe(sent()[0]!.producer);
  });

  it('send nothing more once a part of them has failed', async () => {
    cluster.reaction = (batches) => batches.map(() => (sent().length === 2 ? TOO_LARGE : 0));
    const failed = client.append(records(0, 10, 400));
    await expect(failed).rejects.toMatchObject({ kind: 'bad-record' });
    await client.append(records(0, 1));
    expect(sent().map(({ count }) => count)).toEqual([2, 2, 1]);
  });

  it('of one fail alone when others share the request', async () => {
    cluster.reaction = (batches) => batches.map(({ partition }) => (partition === 0 ? TOO_LARGE : 0));
    const [one, other] = await Promise.allSettled([client.append(records(0, 1)), client.append(records(2, 1))]);
    expect([one.status, other.status]).toEqual(['rejected', 'fulfilled']);
  });

  it('wait for a leader where there is none, and hold up no others', async () => {
    await client.append(records(0, 1));
    cluster.leaders = [-1, 1, 0, 1];
    let moved = false;
    cluster.reaction = (batches) => batches.map(({ partition }) => (partition === 0 && !moved ? NOT_LEADER : 0));
    const waiting = client.append(records(0, 1));
    await expect.poll(() => sent(0).length).toBe(2);
    await client.append(records(2, 1));
    expect(sent(0).length).toBe(2);
    moved = true;
    cluster.leaders = [1, 1, 0, 1];
    await waiting;
    expect(sent(0).map(shape)).toEqual([
      [0, 0, 1],
      [0, 1, 1],
      [0, 1, 1],
    ]);
  });

  it('to a partition that does not exist are lost data, and nothing is sent', async () => {
    await expect(client.append([...records(0, 1), ...records(4, 1)])).rejects.toMatchObject({
      kind: 'data-lost',
      where: { topic: 't', partition: 4 },
    });
    expect(sent()).toEqual([]);
  });

  it('of nothing do nothing', async () => {
    await client.append([]);
    expect(cluster.producers).toBe(0);
  });
});
