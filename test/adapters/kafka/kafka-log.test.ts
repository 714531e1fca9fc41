import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { KafkaClient, KafkaLog, type KafkaLogOptions } from '../../../lib/adapters/kafka/index.ts';
import type { Duration } from '../../../lib/model/index.ts';
import type { LogEntry, LogSlice } from '../../../lib/ports/index.ts';
import { frame } from '../../conformance/log.ts';
import { skipNote } from '../../conformance/opened.ts';
import { useKafka } from '../../services/kafka.ts';
import { ownName } from './opened-kafka.ts';

const kafka = await useKafka();
const all = { messages: 1_000, bytes: 10_000_000 };
const second = 1_000 as Duration;

describe.skipIf(kafka.missing)(`KafkaLog, on a real broker${skipNote(kafka.missing)}`, () => {
  let client: KafkaClient;
  beforeAll(() => {
    client = new KafkaClient({ brokers: [kafka.running!.address] });
  });
  afterAll(() => client?.close());

  const entry = (topic: string, partition: number, n: number): LogEntry => ({ topic, partition, message: frame(n) });
  const numbers = (slice: LogSlice | undefined) =>
    slice?.messages.map(({ message }) => (message as ReturnType<typeof frame>).causes[0]);

  describe('makes topics', () => {
    const names = [
      'message.timestamp.type',
      'cleanup.policy',
      'retention.ms',
      'retention.bytes',
      'min.insync.replicas',
      'max.message.bytes',
    ];
    const settings = async (options: KafkaLogOptions) => {
      const name = ownName();
      await new KafkaLog(client, options).ensureTopic(name, 1);
      return Object.fromEntries((await client.topicSettings(name, names))!);
    };

    it('that keep the time of the append, and delete by age alone', async () => {
      expect(await settings({})).toMatchObject({
        'message.timestamp.type': 'LogAppendTime',
        'cleanup.policy': 'delete',
        'retention.ms': String(7 * 24 * 3_600_000),
        'retention.bytes': '-1',
      });
    });

    it('as it is told', async () => {
      const options: KafkaLogOptions = {
        retention: (60 * 60_000) as Duration,
        retentionBytes: 5_000_000,
        replicas: 1,
        minInSyncReplicas: 1,
        maxMessageBytes: 2_000_000,
      };
      const found = await settings(options);
      expect(found).toMatchObject({
        'retention.ms': '3600000',
        'retention.bytes': '5000000',
        'min.insync.replicas': '1',
      });
      expect(Number(found['max.message.bytes'])).toBeGreaterThan(2_000_000);
    });

    it('with no more replicas than there are brokers', async () => {
      await expect(new KafkaLog(client, { replicas: 3 }).ensureTopic(ownName(), 1)).rejects.toMatchObject({
        kind: 'unavailable',
        retry: false,
        message: expect.stringContaining('invalid replication factor'),
        hint: expect.stringContaining('replicas'),
      });
    });

    it('at the same time as others do', async () => {
      const name = ownName();
      const logs = Array.from({ length: 4 }, () => new KafkaLog(client));
      const topics = await Promise.all(logs.map((log, i) => log.ensureTopic(name, 1 + i)));
      expect(new Set(topics.map(({ id }) => id)).size).toBe(1);
      expect((await logs[0]!.topic(name))?.partitions).toBe(4);
    });
  });

  it.each([
    ['message.timestamp.type', 'CreateTime'],
    ['cleanup.policy', 'compact'],
    ['max.message.bytes', '1000'],
  ])('refuses a topic with %s=%s', async (name, value) => {
    const topic = ownName();
    const sound = { 'message.timestamp.type': 'LogAppendTime', [name]: value };
    await client.ensureTopic({ name: topic, partitions: 1, replicas: -1, settings: sound });
    await expect(new KafkaLog(client).ensureTopic(topic, 1)).rejects.toMatchObject({
      kind: 'incompatible',
      where: { topic },
      message: expect.stringContaining(`${name} is ${value}`),
    });
  });

  it('takes a message of the greatest length, and writes none that is longer', async () => {
    const log = new KafkaLog(client);
    const topic = await log.ensureTopic(ownName(), 1);
    const { message } = entry(topic.name, 0, 0);
    const bytes = new Uint8Array(log.maxMessageBytes);
    await log.append([{ topic: topic.name, partition: 0, message, bytes }]);
    expect((await log.bounds(topic, 0)).end).toBe(1);
    const longer = new Uint8Array(log.maxMessageBytes + 1);
    await expect(log.append([{ topic: topic.name, partition: 0, message, bytes: longer }])).rejects.toMatchObject({
      kind: 'bad-record',
    });
  });

  it('says where a message stands that millrace did not write', async () => {
    const log = new KafkaLog(client, { topicPrefix: `${ownName()}.` });
    const topic = await log.ensureTopic('t', 1);
    await log.append([
      { ...entry('t', 0, 0) },
      { ...entry('t', 0, 0), bytes: new TextEncoder().encode('something else') },
    ]);
    await expect(log.read(topic, 0, 0, all)).rejects.toMatchObject({
      kind: 'incompatible',
      where: { topic: 't', partition: 0, offset: 1 },
    });
  });

  it('names topics as its user does, whatever stands before them in the cluster', async () => {
    const topicPrefix = `${ownName()}.`;
    const log = new KafkaLog(client, { topicPrefix });
    const topic = await log.ensureTopic('t', 1);
    expect(topic.name).toBe('t');
    expect((await client.topic(`${topicPrefix}t`))?.id).toBe(topic.id);
    await client.deleteTopic(`${topicPrefix}t`);
    await expect(log.read(topic, 0, 0, all)).rejects.toMatchObject({ kind: 'data-lost', where: { topic: 't' } });
    await expect(log.append([entry('t', 0, 0)])).rejects.toMatchObject({ kind: 'data-lost', where: { topic: 't' } });
  });

  it('waits for messages of many partitions at once', async () => {
    const log = new KafkaLog(client, { topicPrefix: `${ownName()}.` });
    const topic = await log.ensureTopic('t', 3);
    const place = (partition: number, from: number) => ({ topic, partition, from });
    await log.append([entry('t', 0, 0), entry('t', 0, 1), entry('t', 0, 2)]);
    const found = await log.readMany([place(0, 1), place(1, 0)], { messages: 1, bytes: 1_000_000 }, second);
    expect(found.map(numbers)).toEqual([[1], undefined]);
    expect(found[0]).toMatchObject({ next: 2, start: 0, end: 3 });
    const waiting = log.readMany([place(0, 3), place(1, 0), place(2, 0)], all, (20 * second) as Duration);
    await log.append([entry('t', 2, 7)]);
    expect((await waiting).map(numbers)).toEqual([undefined, undefined, [7]]);
  });

  it('lets two writers append at once, each in its own order, none twice', async () => {
    const name = ownName();
    const clients = [client, new KafkaClient(client.connection)];
    const topic = await new KafkaLog(client).ensureTopic(name, 1);
    await Promise.all(
      clients.map(async (each, w) => {
        const log = new KafkaLog(each);
        for (let n = 0; n < 20; n++)
          await log.append([entry(name, 0, 100 * w + 2 * n), entry(name, 0, 100 * w + 2 * n + 1)]);
      }),
    );
    clients[1]!.close();
    const seen = numbers(await new KafkaLog(client).read(topic, 0, 0, all))!;
    expect(seen).toHaveLength(80);
    for (const w of [0, 1]) {
      const own = seen.filter((n) => Math.floor(n! / 100) === w);
      expect(own).toEqual(Array.from({ length: 40 }, (_, n) => 100 * w + n));
    }
  });
});
