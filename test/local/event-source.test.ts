import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { deliveriesOf, type KafkaEvent } from '../../functions/kafka-event.ts';
import { KafkaClient } from '../../lib/adapters/kafka/index.ts';
import { SeededRandom } from '../../lib/adapters/simulated/index.ts';
import {
  badDay,
  type CallFunction,
  type EventSourceOptions,
  type KafkaMapping,
  LocalEventSource,
  type News,
} from '../../lib/local/index.ts';
import { milliseconds, type WallTime } from '../../lib/model/index.ts';
import { ownName } from '../adapters/kafka/opened-kafka.ts';
import { skipNote } from '../conformance/opened.ts';
import { useKafka } from '../services/kafka.ts';

const kafka = await useKafka();
const answered = { kind: 'answered', answer: 'null' } as const;

/** What a function has been called with: partition and offset of each record, in order. */
class Calls {
  readonly seen: (readonly [partition: number, offset: number])[][] = [];
  readonly call: CallFunction = async (_, payload) => {
    const event = JSON.parse(payload) as KafkaEvent;
    this.seen.push(
      deliveriesOf(event).flatMap(({ partition, records }) =>
        records.map(({ offset }) => [partition, offset] as const),
      ),
    );
    return answered;
  };

  offsets(partition: number): number[] {
    return this.seen.flat().flatMap(([at, offset]) => (at === partition ? [offset] : []));
  }
}

const upTo = (end: number) => Array.from({ length: end }, (_, i) => i);

describe.skipIf(kafka.missing)(`the local event source, on a real broker${skipNote(kafka.missing)}`, () => {
  let client: KafkaClient;
  const running: LocalEventSource[] = [];
  const news: News[] = [];

  beforeAll(() => {
    client = new KafkaClient({ brokers: [kafka.running!.address] });
  });
  afterEach(async () => {
    await Promise.all(running.splice(0).map((source) => source.stop()));
    news.length = 0;
  });
  afterAll(() => client?.close());

  const mappingOf = (topic: string, more: Partial<KafkaMapping> = {}): KafkaMapping => ({
    ...{ name: 'mapping', functionName: 'function', topic, group: `${topic}-group`, batchSize: 5 },
    startingPosition: 'TRIM_HORIZON',
    window: milliseconds(0),
    form: { kind: 'self-managed', bootstrapServers: 'b' },
    ...more,
  });
  const made = async (partitions = 2): Promise<string> => {
    const name = ownName();
    await client.ensureTopic({ name, partitions, replicas: 1, settings: {} });
    return name;
  };
  const append = (topic: string, partition: number, count: number) =>
    client.append(upTo(count).map(() => ({ topic, partition, record: { value: new Uint8Array(10) } })));
  const start = (mapping: KafkaMapping, call: CallFunction, more: Partial<EventSourceOptions> = {}) => {
    const source = new LocalEventSource({
      ...{ mappings: [mapping], kafka: { brokers: [kafka.running!.address] }, call },
      tell: (each) => news.push(each),
      ...more,
    });
    running.push(source);
    return source;
  };
  const kept = async ({ group, topic }: KafkaMapping, partitions = [0, 1]) =>
    [...(await client.groupOffsets(group, topic, partitions))].map(([, { offset }]) => offset);

  it('delivers what is there and what comes, in batches, and commits how far it is', async () => {
    const topic = await made();
    await append(topic, 0, 12);
    const calls = new Calls();
    const source = start(mappingOf(topic), calls.call);
    await source.caughtUp();
    await append(topic, 1, 3);
    await source.caughtUp();
    expect([calls.offsets(0), calls.offsets(1)]).toEqual([upTo(12), upTo(3)]);
    expect(Math.max(...calls.seen.map(({ length }) => length))).toBe(5);
    expect(await kept(mappingOf(topic))).toEqual([12, 3]);
  });

  it('goes on from what its group has committed, and otherwise begins where the mapping says', async () => {
    const topic = await made(1);
    await append(topic, 0, 4);
    const first = new Calls();
    const source = start(mappingOf(topic), first.call);
    await source.caughtUp();
    await source.stop();
    await append(topic, 0, 2);
    const [again, latest, timed] = [new Calls(), new Calls(), new Calls()];
    await start(mappingOf(topic), again.call).caughtUp();
    const fromEnd = start(mappingOf(topic, { group: ownName(), startingPosition: 'LATEST' }), latest.call);
    await fromEnd.caughtUp();
    const at = { at: (Date.now() + 60_000) as WallTime };
    await start(mappingOf(topic, { group: ownName(), startingPosition: at }), timed.call).caughtUp();
    await append(topic, 0, 1);
    await fromEnd.caughtUp();
    expect(again.offsets(0).slice(0, 2)).toEqual([4, 5]);
    expect(latest.offsets(0)).toEqual([6]);
    expect(timed.offsets(0).every((offset) => offset === 6)).toBe(true);
  });

  it('delivers a batch again as a whole until the function takes it, and holds back what follows in its partitions', async () => {
    const topic = await made(1);
    await append(topic, 0, 7);
    const calls = new Calls();
    let failures = 2;
    await start(mappingOf(topic), async (name, payload) => {
      const called = await calls.call(name, payload);
      return failures-- > 0 ? { kind: 'failed', message: 'no' } : called;
    }).caughtUp();
    expect(calls.seen.map((records) => records.map(([, offset]) => offset))).toEqual([
      upTo(5),
      upTo(5),
      upTo(5),
      [5, 6],
    ]);
    expect(news.filter(({ kind }) => kind === 'failed')).toHaveLength(2);
  });

  it('works on partitions side by side, each in order', async () => {
    const topic = await made(4);
    for (const partition of upTo(4)) await append(topic, partition, 10);
    const calls = new Calls();
    const busy = new Set<number>();
    let most = 0;
    const source = start(
      mappingOf(topic),
      async (name, payload) => {
        const { partition } = deliveriesOf(JSON.parse(payload) as KafkaEvent)[0]!;
        expect(busy.has(partition)).toBe(false);
        busy.add(partition);
        most = Math.max(most, busy.size);
        await new Promise((resolve) => setTimeout(resolve, 20));
        busy.delete(partition);
        return calls.call(name, payload);
      },
      { habits: { mixed: 0 }, concurrency: 3 },
    );
    await source.caughtUp();
    expect(most).toBe(3);
    expect(upTo(4).map((partition) => calls.offsets(partition))).toEqual(Array.from({ length: 4 }, () => upTo(10)));
  });

  it('on a bad day repeats and overlaps deliveries, and loses nothing', async () => {
    const topic = await made(3);
    for (const partition of upTo(3)) await append(topic, partition, 60);
    const calls = new Calls();
    let underWay = 0;
    let most = 0;
    const source = start(
      mappingOf(topic),
      async (name, payload) => {
        most = Math.max(most, ++underWay);
        await new Promise((resolve) => setTimeout(resolve, 30));
        underWay--;
        return calls.call(name, payload);
      },
      { habits: { ...badDay, rebalances: 0.2 }, random: new SeededRandom(7), concurrency: 1 },
    );
    await source.caughtUp();
    const happened = new Set(news.flatMap((each) => (each.kind === 'habit' ? [each.habit] : [])));
    expect([...happened].sort()).toEqual(['concurrent', 'duplicates', 'rebalances', 'retries', 'throttles', 'zombies']);
    expect(most).toBeGreaterThan(1);
    for (const partition of upTo(3)) {
      expect([...new Set(calls.offsets(partition))].sort((a, b) => a - b)).toEqual(upTo(60));
      expect(calls.offsets(partition).length).toBeGreaterThan(60);
    }
  });

  it('waits for a topic that does not exist yet, and takes up partitions that it gains', async () => {
    const topic = ownName();
    const calls = new Calls();
    const source = start(mappingOf(topic), calls.call);
    await expect.poll(() => news.map(({ kind }) => kind)).toContain('trouble');
    await client.ensureTopic({ name: topic, partitions: 1, replicas: 1, settings: {} });
    await append(topic, 0, 1);
    await expect.poll(() => calls.offsets(0), { timeout: 5_000 }).toEqual([0]);
    await client.ensureTopic({ name: topic, partitions: 2, replicas: 1, settings: {} });
    await append(topic, 1, 1);
    await expect.poll(() => calls.offsets(1), { timeout: 10_000 }).toEqual([0]);
    await source.caughtUp();
  });

  it('begins anew with a topic that is made anew, and where its group is beyond the end', async () => {
    const topic = await made(1);
    await append(topic, 0, 3);
    await client.commitOffsets(`${topic}-group`, topic, new Map([[0, 100]]));
    const calls = new Calls();
    const source = start(mappingOf(topic), calls.call);
    await expect.poll(() => calls.offsets(0), { timeout: 10_000 }).toEqual(upTo(3));
    await source.caughtUp();
    expect(await kept(mappingOf(topic), [0])).toEqual([3]);
    await client.deleteTopic(topic);
    await client.ensureTopic({ name: topic, partitions: 1, replicas: 1, settings: {} });
    await append(topic, 0, 2);
    await expect.poll(() => calls.offsets(0), { timeout: 20_000 }).toEqual([...upTo(3), ...upTo(2)]);
  });

  it('goes on trying where functions cannot be called, and says why', async () => {
    const topic = await made(1);
    await append(topic, 0, 1);
    const calls = new Calls();
    let troubles = 1;
    await start(mappingOf(topic), async (name, payload) => {
      if (troubles-- > 0) throw new Error('no such function');
      return calls.call(name, payload);
    }).caughtUp();
    expect(calls.offsets(0)).toEqual([0]);
    expect(news.find(({ kind }) => kind === 'trouble')).toMatchObject({ error: { message: 'no such function' } });
  });

  it('ends when the calls under way have ended, having committed what they were called with', async () => {
    const topic = await made(1);
    await append(topic, 0, 20);
    let called = 0;
    const source = start(mappingOf(topic), async () => {
      called++;
      await new Promise((resolve) => setTimeout(resolve, 100));
      return answered;
    });
    await expect.poll(() => called).toBe(1);
    await source.stop();
    expect(called).toBe(1);
    expect(await kept(mappingOf(topic), [0])).toEqual([5]);
  });
});
