import { CompressionTypes, Kafka, logLevel } from 'kafkajs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compressions } from '../../../lib/adapters/kafka/compression.ts';
import { KafkaClient, type KafkaRecord, type LongReads } from '../../../lib/adapters/kafka/index.ts';
import type { Topic } from '../../../lib/ports/index.ts';
import { skipNote } from '../../conformance/opened.ts';
import { useKafka } from '../../services/kafka.ts';
import { ownName } from './opened-kafka.ts';

const kafka = await useKafka();
const all = { bytes: 10_000_000, committedOnly: false };
const committed = { bytes: 10_000_000, committedOnly: true };
const bytesOf = (text: string) => new TextEncoder().encode(text);
const texts = (records: readonly KafkaRecord[]) => records.map(({ value }) => value && Buffer.from(value).toString());

describe.skipIf(kafka.missing)(`a Kafka client, on a real broker${skipNote(kafka.missing)}`, () => {
  let client: KafkaClient;
  let foreign: Kafka;

  beforeAll(() => {
    const brokers = [kafka.running!.address];
    client = new KafkaClient({ brokers }, { patience: 10_000 });
    foreign = new Kafka({ brokers, logLevel: logLevel.NOTHING, retry: { initialRetryTime: 10, retries: 20 } });
  });
  afterAll(() => client?.close());

  const made = async (partitions = 1, settings: Record<string, string> = {}): Promise<Topic> =>
    (await client.ensureTopic({ name: ownName(), partitions, replicas: -1, settings })).topic;

  const append = (topic: Topic, partition: number, ...values: string[]) =>
    client.append(values.map((value) => ({ topic: topic.name, partition, record: { value: bytesOf(value) } })));

  const readAll = async (topic: Topic, limit = all, from = 0, partition = 0): Promise<KafkaRecord[]> => {
    const records: KafkaRecord[] = [];
    for (let next = from; ; ) {
      const slice = await client.read({ topic, partition, from: next }, limit);
      records.push(...slice.records);
      if (slice.next >= (limit.committedOnly ? slice.stable : slice.end)) return records;
      next = slice.next;
    }
  };

  describe('records', () => {
    it('come back with key, headers and time; a missing value is a tombstone', async () => {
      const topic = await made();
      const records = [
        {
          key: bytesOf('k'),
          value: bytesOf('v'),
          headers: [['h', bytesOf('x')] as const, ['none', undefined] as const],
          time: 1_000,
        },
        { key: bytesOf('k'), value: undefined, time: 2_000 },
        { value: bytesOf('') },
      ];
      await client.append(records.map((record) => ({ topic: topic.name, partition: 0, record })));
      const found = await readAll(topic);
      expect(
        found.map(({ key, value }) => [key && Buffer.from(key).toString(), value && Buffer.from(value).toString()]),
      ).toEqual([
        ['k', 'v'],
        ['k', undefined],
        [undefined, ''],
      ]);
      expect(found[0]!.headers.map(([name, value]) => [name, value && Buffer.from(value).toString()])).toEqual([
        ['h', 'x'],
        ['none', undefined],
      ]);
      expect(found.slice(0, 2).map(({ time }) => time)).toEqual([1_000, 2_000]);
      expect(Math.abs(found[2]!.time - Date.now())).toBeLessThan(60_000);
    });

    it.each(compressions)(
      'compressed by %s are stored so, checked by the broker and read again',
      async (compression) => {
        const compressing = new KafkaClient(client.connection, { compression });
        const topic = await made(1, { 'message.timestamp.type': 'LogAppendTime' });
        const values = Array.from({ length: 500 }, (_, i) => `record ${i} ${'abc'.repeat(50)}`);
        await compressing.append(
          values.map((value) => ({ topic: topic.name, partition: 0, record: { value: bytesOf(value) } })),
        );
        compressing.close();
        expect(texts(await readAll(topic))).toEqual(values);
      },
    );

    it.each([CompressionTypes.None, CompressionTypes.GZIP])(
      'of another client are read (compression %s)',
      async (compression) => {
        const topic = await made();
        const producer = foreign.producer();
        await producer.connect();
        await producer.send({
          topic: topic.name,
          compression,
          messages: [{ key: 'a', value: '1', headers: { h: 'x' } }, { value: null }],
        });
        await producer.disconnect();
        const [first, second] = await readAll(topic);
        expect([Buffer.from(first!.key!).toString(), Buffer.from(first!.value!).toString()]).toEqual(['a', '1']);
        expect(first!.headers.map(([name]) => name)).toEqual(['h']);
        expect(second).toMatchObject({ key: undefined, value: undefined });
      },
    );

    it('of this client are read by another', async () => {
      const topic = await made();
      await client.append([
        {
          topic: topic.name,
          partition: 0,
          record: { key: bytesOf('k'), value: bytesOf('v'), headers: [['h', bytesOf('x')]] },
        },
      ]);
      const consumer = foreign.consumer({ groupId: ownName('group'), maxWaitTimeInMs: 100 });
      await consumer.connect();
      await consumer.subscribe({ topic: topic.name, fromBeginning: true });
      const message = await new Promise<{ key: string; value: string; header: string }>((resolve, reject) => {
        consumer
          .run({
            eachMessage: async ({ message: { key, value, headers } }) =>
              resolve({ key: String(key), value: String(value), header: String(headers?.['h']) }),
          })
          .catch(reject);
      });
      await consumer.disconnect();
      expect(message).toEqual({ key: 'k', value: 'v', header: 'x' });
    });

    it('of one append that exceed a batch stay in order', async () => {
      const small = new KafkaClient(client.connection, { batchBytes: 500 });
      const topic = await made();
      const values = Array.from({ length: 100 }, (_, i) => `${i} ${'x'.repeat(90)}`);
      await Promise.all([
        small.append(
          values.map((value) => ({ topic: topic.name, partition: 0, record: { value: bytesOf(`a${value}`) } })),
        ),
        small.append(
          values.map((value) => ({ topic: topic.name, partition: 0, record: { value: bytesOf(`b${value}`) } })),
        ),
      ]);
      small.close();
      const found = texts(await readAll(topic));
      expect(found).toHaveLength(200);
      for (const who of ['a', 'b']) {
        expect(found.filter((text) => text?.startsWith(who))).toEqual(values.map((value) => `${who}${value}`));
      }
    });

    it('too large for the topic are a bad record, and the next is taken', async () => {
      const topic = await made(1, { 'max.message.bytes': '1000' });
      await expect(append(topic, 0, 'x'.repeat(2_000))).rejects.toMatchObject({
        kind: 'bad-record',
        where: { topic: topic.name, partition: 0 },
        hint: expect.stringContaining('max.message.bytes'),
      });
      await append(topic, 0, 'small');
      expect(texts(await readAll(topic))).toEqual(['small']);
    });
  });

  describe('records of transactions', () => {
    const producerOf = async (id: string) => {
      const producer = foreign.producer({ transactionalId: id, idempotent: true, maxInFlightRequests: 1 });
      await producer.connect();
      return producer;
    };

    it('that were aborted are not seen by readers of committed records, though kafkajs shows them', async () => {
      const topic = await made();
      const producer = await producerOf(ownName('tx'));
      const aborted = await producer.transaction();
      await aborted.send({
        topic: topic.name,
        messages: [
          { key: Buffer.alloc(4), value: 'aborted 1' },
          { key: 'k', value: 'aborted 2' },
        ],
      });
      await aborted.abort();
      const kept = await producer.transaction();
      await kept.send({ topic: topic.name, messages: [{ key: Buffer.alloc(4), value: 'committed' }] });
      await kept.commit();
      await producer.disconnect();

      const consumer = foreign.consumer({ groupId: ownName('group'), maxWaitTimeInMs: 100 });
      await consumer.connect();
      await consumer.subscribe({ topic: topic.name, fromBeginning: true });
      const shown: string[] = [];
      await new Promise<void>((resolve, reject) => {
        consumer
          .run({
            eachMessage: async ({ message }) => {
              shown.push(String(message.value));
              if (shown.at(-1) === 'committed') resolve();
            },
          })
          .catch(reject);
      });
      await consumer.disconnect();
      expect(shown).toContain('aborted 2');
      expect(texts(await readAll(topic, committed))).toEqual(['committed']);
    });

    it('that were aborted stay hidden where they are interleaved, from whichever offset one reads', async () => {
      const topic = await made();
      const producers = await Promise.all([producerOf(ownName('tx')), producerOf(ownName('tx'))]);
      const send = (transaction: Awaited<ReturnType<(typeof producers)[0]['transaction']>>, value: string) =>
        transaction.send({ topic: topic.name, messages: [{ value }] });
      for (let round = 0; round < 3; round++) {
        const [one, two] = await Promise.all(producers.map((producer) => producer.transaction()));
        await send(one!, `one ${round} a`);
        await send(two!, `two ${round} a`);
        await send(one!, `one ${round} b`);
        await send(two!, `two ${round} b`);
        await append(topic, 0, `plain ${round}`);
        await (round === 1 ? one!.commit() : one!.abort());
        await two!.abort();
      }
      await Promise.all(producers.map((producer) => producer.disconnect()));
      const visible = (text: string | undefined) =>
        text?.startsWith('plain') === true || text?.startsWith('one 1') === true;
      const everything = await readAll(topic);
      expect(everything).toHaveLength(15);
      const { end } = await client.bounds(topic, 0);
      for (let from = 0; from <= end; from++) {
        const expected = texts(everything.filter(({ offset }) => offset >= from)).filter(visible);
        expect(texts(await readAll(topic, committed, from))).toEqual(expected);
      }
    });

    it('that are open hold back readers of committed records, not others', async () => {
      const topic = await made();
      const producer = await producerOf(ownName('tx'));
      await append(topic, 0, 'before');
      const transaction = await producer.transaction();
      await transaction.send({ topic: topic.name, messages: [{ value: 'open' }] });
      await append(topic, 0, 'after');
      expect(texts(await readAll(topic, committed))).toEqual(['before']);
      expect(texts(await readAll(topic))).toEqual(['before', 'open', 'after']);
      expect(await client.bounds(topic, 0)).toEqual({ start: 0, end: 3, stable: 1 });
      await transaction.commit();
      await producer.disconnect();
      await expect.poll(async () => texts(await readAll(topic, committed))).toEqual(['before', 'open', 'after']);
      const slice = await client.read({ topic, partition: 0, from: 3 }, committed);
      expect([slice.records, slice.next]).toEqual([[], 4]);
    });

    it('that are about to write a group offset are waited for', async () => {
      const topic = await made();
      const group = ownName('group');
      const commitAt = async (offset: string, end: 'commit' | 'abort', pause: number) => {
        const producer = await producerOf(ownName('tx'));
        const transaction = await producer.transaction();
        await transaction.sendOffsets({
          consumerGroupId: group,
          topics: [{ topic: topic.name, partitions: [{ partition: 0, offset }] }],
        });
        const read = client.groupOffsets(group, topic.name, [0, 1]);
        await new Promise((resolve) => setTimeout(resolve, pause));
        await transaction[end]();
        await producer.disconnect();
        return read;
      };
      expect(await client.groupOffsets(group, topic.name, [0])).toEqual(new Map());
      expect(await commitAt('5', 'commit', 100)).toEqual(new Map([[0, { offset: 5, metadata: '' }]]));
      expect(await commitAt('9', 'abort', 100)).toEqual(new Map([[0, { offset: 5, metadata: '' }]]));
    });

    it('of a group are kept as a reader without membership commits them, each partition by itself', async () => {
      const topic = await made(3);
      const group = ownName('group');
      const kept = async () =>
        [...(await client.groupOffsets(group, topic.name, [0, 1, 2]))].map(([at, { offset }]) => [at, offset]);
      await client.commitOffsets(
        group,
        topic.name,
        new Map([
          [0, 7],
          [2, 9],
        ]),
      );
      await client.commitOffsets(group, topic.name, new Map([[2, 2 ** 40]]));
      expect(await kept()).toEqual([
        [0, 7],
        [2, 2 ** 40],
      ]);
    });
  });

  describe('offsets', () => {
    it('are found by time', async () => {
      const topic = await made();
      for (const time of [1_000, 2_000, 3_000]) {
        await client.append([{ topic: topic.name, partition: 0, record: { value: bytesOf('v'), time } }]);
      }
      const at = (time: 'earliest' | 'latest' | number) => client.offsetAt(topic, 0, time);
      expect(await Promise.all(['earliest' as const, 'latest' as const, 0, 1_500, 3_000, 3_001].map(at))).toEqual([
        0, 3, 0, 1, 2, 3,
      ]);
    });

    it('below what is kept are read from the first that is; beyond the end there is nothing', async () => {
      const topic = await made();
      await append(topic, 0, '0', '1', '2', '3');
      const admin = foreign.admin();
      await admin.connect();
      await admin.fetchTopicOffsets(topic.name);
      await admin.deleteTopicRecords({ topic: topic.name, partitions: [{ partition: 0, offset: '2' }] });
      await admin.disconnect();
      const slice = await client.read({ topic, partition: 0, from: 0 }, all);
      expect([texts(slice.records), slice.start]).toEqual([['2', '3'], 2]);
      expect(await client.read({ topic, partition: 0, from: 99 }, all)).toMatchObject({
        records: [],
        next: 99,
        start: 2,
        end: 4,
      });
      expect(await client.bounds(topic, 0)).toEqual({ start: 2, end: 4, stable: 4 });
    });
  });

  describe('waiting reads', () => {
    const place = (topic: Topic, partition: number, from = 0) => ({ topic, partition, from });
    let shared: LongReads | undefined;
    const reader = (): LongReads => {
      shared ??= client.reader();
      return shared;
    };

    it('bring what is there of many partitions of many topics', async () => {
      const [one, two] = [await made(3), await made(1)];
      await append(one, 0, 'a');
      await append(one, 2, 'b', 'c');
      await append(two, 0, 'd');
      const places = [place(one, 0), place(one, 1), place(one, 2, 1), place(two, 0)];
      const found = await reader().read(places, all, 5_000);
      expect(found.map((slice) => slice && texts(slice.records))).toEqual([['a'], undefined, ['c'], ['d']]);
    });

    it('answer when something comes, and nothing when nothing does', async () => {
      const topic = await made(2);
      const begun = performance.now();
      expect(await reader().read([place(topic, 0), place(topic, 1)], all, 150)).toEqual([undefined, undefined]);
      expect(performance.now() - begun).toBeGreaterThan(140);
      const waiting = reader().read([place(topic, 0), place(topic, 1)], all, 20_000);
      setTimeout(() => void append(topic, 1, 'late'), 100);
      const found = await waiting;
      expect(found.map((slice) => slice && texts(slice.records))).toEqual([undefined, ['late']]);
    });

    it('may run side by side, and end when they are told to', async () => {
      const [one, two] = [await made(), await made()];
      const stop = new AbortController();
      const long = reader().read([place(one, 0)], all, 20_000, stop.signal);
      await append(two, 0, 'quick');
      const found = await reader().read([place(two, 0)], all, 20_000);
      expect(texts(found[0]!.records)).toEqual(['quick']);
      stop.abort();
      expect(await long).toEqual([undefined]);
    });

    it('lose nothing over many rounds', async () => {
      const topic = await made(4);
      const next = [0, 0, 0, 0];
      const seen: (string | undefined)[][] = [[], [], [], []];
      const writer = (async () => {
        for (let i = 0; i < 200; i++) await append(topic, i % 4, String(i));
      })();
      while (seen.flat().length < 200) {
        const found = await reader().read(
          next.map((from, partition) => place(topic, partition, from)),
          { ...all, bytes: 300 },
          1_000,
        );
        for (const [partition, slice] of found.entries()) {
          if (slice === undefined) continue;
          next[partition] = slice.next;
          seen[partition]!.push(...texts(slice.records));
        }
      }
      await writer;
      for (const [partition, list] of seen.entries()) {
        expect(list).toEqual(Array.from({ length: 50 }, (_, i) => String(4 * i + partition)));
      }
    });

    it('say so when a log is shorter than the place, or the topic another', async () => {
      const topic = await made();
      await append(topic, 0, 'a');
      expect(await reader().read([place(topic, 0, 7)], all, 5_000)).toMatchObject([{ records: [], start: 0, end: 1 }]);
      await client.deleteTopic(topic.name);
      await expect(reader().read([place(topic, 0)], all, 5_000)).rejects.toMatchObject({ kind: 'data-lost' });
    });
  });
});
