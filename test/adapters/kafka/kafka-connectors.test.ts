import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Kafka, logLevel, Partitioners } from 'kafkajs';
import { afterAll, describe, expect, it } from 'vitest';
import { json, text } from '../../../lib/adapters/formats/index.ts';
import {
  type Headers,
  KafkaClient,
  type KafkaSinkOptions,
  type KafkaSourceOptions,
  kafka,
  type NewRecord,
  POSITION_HEADER,
  type Traced,
  toKafka,
} from '../../../lib/adapters/kafka/index.ts';
import { systemClock } from '../../../lib/adapters/system/index.ts';
import { runEmbedded } from '../../../lib/embedded/index.ts';
import {
  boundedOutOfOrderness,
  count,
  type Duration,
  epochMillis,
  pipeline,
  toMemory,
  tumbling,
  type WallTime,
} from '../../../lib/index.ts';
import {
  type SinkBatch,
  type SinkHost,
  type SourceHost,
  type SourceLog,
  Undecodable,
} from '../../../lib/ports/index.ts';
import { skipNote } from '../../conformance/opened.ts';
import { useKafka } from '../../services/kafka.ts';
import { ownName } from './opened-kafka.ts';

const broker = await useKafka();
const address = broker.running?.address ?? '';
const client = new KafkaClient({ brokers: [address || '127.0.0.1:1'] });
const connections = new Map<string, unknown>([['kafka', client]]);
afterAll(() => client.close());

const signal = new AbortController().signal;
const sourceHost: SourceHost = { source: 'in', spool: undefined, connections, clock: systemClock, signal };
const sinkHost: SinkHost = {
  ...{ sink: 'out', pipeline: ownName('pipe'), run: 'r1', task: 0, tasks: 1 },
  ...{ durable: true, connections, clock: systemClock, signal },
};
const aSink = (): SinkHost => ({ ...sinkHost, pipeline: ownName('pipe') });

const aTopic = async (partitions = 1): Promise<string> => {
  const name = ownName('topic');
  await client.ensureTopic({ name, partitions, replicas: 1, settings: {} });
  return name;
};
const bytes = (said: string): Uint8Array => Buffer.from(said);
const append = (topic: string, partition: number, records: readonly Partial<NewRecord>[]) =>
  client.append(records.map((record) => ({ topic, partition, record: { value: undefined, ...record } })));
const openSource = <T>(options: Partial<KafkaSourceOptions<unknown, T>> & { topic: string }): Promise<SourceLog> =>
  kafka<unknown, T>({ format: json(), ...options }).open(sourceHost);
const readAll = async (log: SourceLog, partition = 0, from = 0, limit = 1_000) => {
  const values: unknown[] = [];
  for (let at = from; ; ) {
    const slice = await log.read(partition, at, limit, undefined);
    values.push(...slice.values);
    if (slice.next === at) return values;
    at = slice.next;
  }
};
/** All in a topic of one partition once no transaction is open: brokers end them a moment after they have said so. */
const allCommitted = async (topic: string): Promise<unknown[]> => {
  const known = (await client.topic(topic))!;
  const open = async (): Promise<number> => {
    const { end, stable } = await client.bounds(known, 0);
    return end - stable;
  };
  await expect.poll(open, { timeout: 10_000 }).toBe(0);
  return readAll(await openSource({ topic }));
};
const batch = (from: number, values: readonly unknown[], keys: readonly (string | undefined)[] = []): SinkBatch => ({
  values,
  times: values.map(() => Date.now()),
  keys: values.map((_, i) => keys[i]),
  causes: values.map((_, i) => from + i),
  ks: values.map(() => 0),
  upTo: from + values.length,
});
const openSink = (
  topic: string,
  host: SinkHost,
  options: Partial<KafkaSinkOptions<unknown>> = {},
  state?: null | { upTo: number },
) => toKafka<unknown>({ topic, format: json(), ...options }).open(host, state);

describe.skipIf(broker.missing)(`a Kafka source${skipNote(broker.missing)}`, () => {
  it('puts the trace of a message into its record where it is asked to, if the header is well formed', async () => {
    const topic = await aTopic();
    const parent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const said = (text: string): Headers => [['traceparent', bytes(text)]];
    await append(topic, 0, [
      { value: bytes('{"a":1}'), headers: said(parent) },
      { value: bytes('{"a":2}'), headers: said('nonsense') },
      { value: bytes('{"a":3}') },
      { value: bytes('4'), headers: said(parent) },
      { value: bytes('{"a":5}'), headers: [...said('00-x'), ...said(parent)] },
    ]);
    const log = await openSource({ topic, trace: true });
    expect(await readAll(log)).toEqual([
      { a: 1, traceparent: parent },
      { a: 2 },
      { a: 3 },
      4,
      { a: 5, traceparent: parent },
    ]);
    const without = await openSource({ topic });
    expect((await readAll(without))[0]).toEqual({ a: 1 });
  });

  it('carries the trace of a message through an exchange into the headers of what comes of it', async () => {
    const [from, to] = [await aTopic(), await aTopic()];
    const parent = (n: number) => `00-0af7651916cd43dd8448eb211c80319c-b7ad6b716920333${n}-01`;
    await append(
      from,
      0,
      [1, 2].map((n) => ({ value: bytes(`{"n":${n}}`), headers: [['traceparent', bytes(parent(n))]] as const })),
    );
    await append(from, 0, [{ value: bytes('{"n":3}') }]);
    const traced = pipeline('traced', (p) => {
      p.source('in', kafka<{ n: number } & Traced>({ topic: from, format: json(), bounded: true, trace: true }))
        .keyBy('by-n', (row) => row.n)
        .map('twice', (row) => ({ ...row, n: 2 * row.n }))
        .to('out', toKafka({ topic: to, format: json() }));
    });
    await runEmbedded(traced, { connections: { kafka: client } });
    const log = await openSource({ topic: to, record: ({ value, headers }) => ({ value, headers }) });
    const found = (await readAll(log)) as { value: { n: number }; headers: Record<string, Buffer> }[];
    const traces = found.map(({ value, headers }) => [value.n, String(headers['traceparent'])]);
    expect(traces.sort()).toEqual([
      [2, parent(1)],
      [4, parent(2)],
      [6, 'undefined'],
    ]);
  });

  it('shows body, key, headers, time and place of a message, tombstones too', async () => {
    const topic = await aTopic();
    const time = Date.now();
    await append(topic, 0, [
      { value: bytes('{"a":1}'), key: bytes('k'), headers: [['trace', bytes('t')]], time },
      { value: undefined, key: bytes('gone'), time: time + 1 },
    ]);
    const rows = await readAll(await openSource({ topic, record: (message) => message }));
    expect(rows).toEqual([
      {
        ...{ value: { a: 1 }, key: Buffer.from('k'), timestamp: time, topic, partition: 0, offset: 0 },
        headers: { trace: Buffer.from('t') },
      },
      {
        ...{ value: undefined, key: Buffer.from('gone'), timestamp: time + 1, topic, partition: 0, offset: 1 },
        headers: {},
      },
    ]);
    const slice = await (await openSource({ topic })).read(0, 0, 10, undefined);
    expect(slice).toMatchObject({
      values: [{ a: 1 }, expect.any(Undecodable)],
      offsets: [0, 1],
      times: [time, time + 1],
      next: 2,
      start: 0,
      end: 2,
    });
    expect((slice.values[1] as Undecodable).error).toMatchObject({ kind: 'bad-record', where: { topic, offset: 1 } });
  });

  it('begins where it was told to', async () => {
    const topic = await aTopic(2);
    const time = Date.now() - 60_000;
    await append(
      topic,
      0,
      [0, 1, 2, 3].map((n) => ({ value: bytes(String(n)), time: time + 1_000 * n })),
    );
    const begin = async (start: KafkaSourceOptions<unknown, unknown>['start']) => {
      const log = await openSource({ topic, ...(start === undefined ? {} : { start }) });
      return [await log.birth!(0), await log.birth!(1)];
    };
    expect(await begin(undefined)).toEqual([{ start: 0 }, { start: 0 }]);
    expect(await begin('latest')).toEqual([{ start: 4 }, { start: 0 }]);
    expect(await begin({ timestamp: time + 1_500 })).toEqual([{ start: 2 }, { start: 0 }]);
    expect(await begin({ timestamp: time + 9_000 })).toEqual([{ start: 4 }, { start: 0 }]);
    expect(await begin({ offsets: { 0: 3 } })).toEqual([{ start: 3 }, { start: 0 }]);
    await expect(begin({ offsets: { 0: 9 } })).rejects.toThrow(/start offset 9 is not between 0 and 4/);
    const group = ownName('group');
    const other = new Kafka({ brokers: [address], logLevel: logLevel.NOTHING });
    const admin = other.admin();
    await admin.connect();
    await admin.setOffsets({ groupId: group, topic, partitions: [{ partition: 0, offset: '2' }] });
    await admin.disconnect();
    expect(await begin({ group })).toEqual([{ start: 2 }, { start: 0 }]);
    expect(await begin({ group: ownName('new'), otherwise: 'latest' })).toEqual([{ start: 4 }, { start: 0 }]);
    const bounded = await openSource({ topic, bounded: true });
    expect(await bounded.birth!(0)).toEqual({ start: 0, end: 4 });
  });

  it('gives the same rows whatever the limit, and each once', async () => {
    const topic = await aTopic();
    await append(
      topic,
      0,
      Array.from({ length: 500 }, (_, n) => ({ value: bytes(String(n)) })),
    );
    await append(
      topic,
      0,
      Array.from({ length: 500 }, (_, n) => ({ value: bytes(String(500 + n)) })),
    );
    const all = Array.from({ length: 1_000 }, (_, n) => n);
    for (const limit of [1_000, 7, 333]) {
      expect(await readAll(await openSource({ topic, fetchBytes: 2_000 }), 0, 0, limit)).toEqual(all);
    }
    const log = await openSource({ topic });
    await log.read(0, 0, 10, undefined);
    expect((await log.read(0, 5, 3, undefined)).values).toEqual([5, 6, 7]);
    expect((await log.read(0, 700, 2, undefined)).values).toEqual([700, 701]);
  });

  it('leaves out what was aborted, unless asked for it, and waits before an open transaction', async () => {
    const topic = await aTopic();
    const producer = new Kafka({
      brokers: [address],
      logLevel: logLevel.NOTHING,
      retry: { initialRetryTime: 10 },
    }).producer({
      ...{ transactionalId: ownName('tx'), maxInFlightRequests: 1, idempotent: true },
      createPartitioner: Partitioners.DefaultPartitioner,
    });
    await producer.connect();
    const send = async (n: number, end: 'commit' | 'abort') => {
      const transaction = await producer.transaction();
      await transaction.send({ topic, messages: [{ value: String(n) }] });
      await transaction[end]();
    };
    await send(1, 'commit');
    await send(2, 'abort');
    await send(3, 'commit');
    const open = await producer.transaction();
    await open.send({ topic, messages: [{ value: '4' }] });
    const log = await openSource({ topic });
    expect(await readAll(log)).toEqual([1, 3]);
    const { end } = await log.bounds(0);
    expect(await readAll(await openSource({ topic, isolation: 'read_uncommitted' }))).toEqual([1, 2, 3, 4]);
    expect((await log.read(0, 0, 10, undefined)).next).toBeLessThan(end!);
    await open.commit();
    await producer.disconnect();
    await expect.poll(() => readAll(log), { timeout: 10_000 }).toEqual([1, 3, 4]);
  });

  it('waits for rows, and keeps what it waited for', async () => {
    const topic = await aTopic(2);
    const log = await openSource({ topic });
    const places = [
      { partition: 0, from: 0 },
      { partition: 1, from: 0 },
    ];
    expect(await log.awaitRows!(places, 50 as Duration, signal)).toEqual([false, false]);
    const waiting = log.awaitRows!(places, 20_000 as Duration, signal);
    await append(topic, 1, [{ value: bytes('"x"') }]);
    expect(await waiting).toEqual([false, true]);
    expect(await log.awaitRows!(places, 20_000 as Duration, signal)).toEqual([false, true]);
    expect((await log.read(1, 0, 10, undefined)).values).toEqual(['x']);
  });

  it('counts the partitions that the topic has now, and reads a new one from its start', async () => {
    const topic = await aTopic(1);
    const log = await openSource({ topic });
    expect(await log.partitions!()).toBe(1);
    await client.ensureTopic({ name: topic, partitions: 3, replicas: 1, settings: {} });
    await append(topic, 2, [{ value: bytes('7') }]);
    expect(await log.partitions!()).toBe(3);
    expect(await readAll(log, 2)).toEqual([7]);
  });

  it('is refused for a topic that does not exist, and stops for one that was made anew', async () => {
    await expect(openSource({ topic: ownName('none') })).rejects.toMatchObject({ kind: 'invalid-pipeline' });
    const topic = await aTopic();
    const log = await openSource({ topic });
    await client.deleteTopic(topic);
    await expect.poll(() => client.topic(topic), { timeout: 10_000 }).toBeUndefined();
    await client.ensureTopic({ name: topic, partitions: 1, replicas: 1, settings: {} });
    await expect(log.read(0, 0, 10, undefined)).rejects.toMatchObject({ kind: 'data-lost' });
    expect((await openSource({ topic })).info.id).not.toBe(log.info.id);
  });

  it('says what is missing where the host has no connection', async () => {
    const connector = kafka({ topic: 't', format: json(), cluster: 'orders' });
    await expect(connector.open(sourceHost)).rejects.toThrow('the host is not connected to kafka:orders');
  });
});

describe.skipIf(broker.missing)(`a Kafka sink${skipNote(broker.missing)}`, () => {
  it('writes each record once, though a step is written again', async () => {
    const topic = await aTopic(2);
    const host = aSink();
    const first = await openSink(topic, host);
    expect(await first.write(batch(0, [0, 1, 2]))).toEqual({ upTo: 3 });
    // The process died before the commit: the step comes again, longer.
    const second = await openSink(topic, host);
    expect(await second.write(batch(0, [0, 1, 2, 3, 4]))).toEqual({ upTo: 5 });
    expect(await second.write(batch(0, [0, 1]))).toEqual({ upTo: 5 });
    const log = await openSource({ topic });
    const all = [...(await readAll(log, 0)), ...(await readAll(log, 1))];
    expect(all.sort()).toEqual([0, 1, 2, 3, 4]);
  });

  it('fences a writer that was taken over from, and a reader of committed records sees nothing of it', async () => {
    const topic = await aTopic();
    const host = aSink();
    const zombie = await openSink(topic, host);
    await zombie.write(batch(0, ['a']));
    await zombie.write(batch(1, ['b']));
    const heir = await openSink(topic, host, {}, { upTo: 1 });
    await expect(zombie.write(batch(2, ['zombie']))).rejects.toMatchObject({ kind: 'unavailable', retry: true });
    await heir.write(batch(1, ['b', 'c']));
    await expect(zombie.write(batch(3, ['zombie']))).rejects.toMatchObject({ kind: 'unavailable' });
    expect(await allCommitted(topic)).toEqual(['a', 'b', 'c']);
  });

  it('ends a transaction that its writer left open, so that readers go on', async () => {
    const topic = await aTopic();
    const host = aSink();
    const group = `${host.pipeline}/${host.sink}/${host.task}`;
    const abandoned = new Kafka({ brokers: [address], logLevel: logLevel.NOTHING }).producer({
      ...{ transactionalId: `${group}/0`, maxInFlightRequests: 1, idempotent: true },
      createPartitioner: Partitioners.DefaultPartitioner,
    });
    await abandoned.connect();
    const transaction = await abandoned.transaction();
    await transaction.send({ topic, messages: [{ value: '"left open"' }] });
    const writer = await openSink(topic, host);
    await writer.write(batch(0, ['good']));
    expect(await allCommitted(topic)).toEqual(['good']);
    await expect(transaction.commit()).rejects.toThrow();
    await abandoned.disconnect();
  });

  it('heeds no marker of another run, and stops where its own may have expired', async () => {
    const topic = await aTopic();
    const host = aSink();
    await (await openSink(topic, host)).write(batch(0, ['first run']));
    await (await openSink(topic, { ...host, run: 'r2' })).write(batch(0, ['second run']));
    expect(await allCommitted(topic)).toEqual(['first run', 'second run']);
    const long = aSink();
    const late = (since: number) => ({ ...batch(0, ['late']), since: since as WallTime });
    // Without a marker, what has waited longer than markers are kept may have been written.
    const doubtful = (await openSink(topic, long)).write(late(Date.now() - 8 * 24 * 3_600_000));
    await expect(doubtful).rejects.toMatchObject({
      kind: 'data-lost',
      message: expect.stringContaining('cannot be told'),
    });
    await (await openSink(topic, long)).write(late(Date.now() - 24 * 3_600_000));
    await (await openSink(topic, long)).write(late(Date.now() - 8 * 24 * 3_600_000));
    expect(await allCommitted(topic)).toEqual(['first run', 'second run', 'late']);
  });

  it('splits what is larger than a batch may be', async () => {
    const topic = await aTopic(2);
    const values = Array.from({ length: 30 }, (_, n) => ({ n, pad: 'x'.repeat(100_000) }));
    const writer = await openSink(topic, aSink());
    await writer.write(batch(0, values));
    await writer.write(batch(30, values));
    const log = await openSource<{ n: number }>({ topic });
    for (const partition of [0, 1]) {
      const own = values.map(({ n }) => n).filter((n) => n % 2 === partition);
      const seen = (await readAll(log, partition)) as { n: number }[];
      expect(seen.map(({ n }) => n)).toEqual([...own, ...own]);
    }
    await expect(writer.write(batch(60, ['y'.repeat(2_000_000)]))).resolves.toBeDefined();
  });

  it("puts keys where Kafka's own partitioner does, and says where each message comes from", async () => {
    const topic = await aTopic(5);
    const keys = Array.from({ length: 40 }, (_, n) => `key-${n * 7919}`);
    const writer = await openSink(topic, aSink(), { guarantee: 'idempotent', headers: () => ({ trace: 't' }) });
    await writer.write(batch(100, [...keys.map((key) => ({ key })), null], [...keys, 'key-0']));
    const log = await openSource({ topic, record: (message) => message });
    const partitioner = Partitioners.DefaultPartitioner();
    const partitionMetadata = [0, 1, 2, 3, 4].map((partitionId) => ({ partitionId, leader: 1 }));
    let tombstones = 0;
    for (let partition = 0; partition < 5; partition++) {
      for (const row of await readAll(log, partition)) {
        const { key, value, headers } = row as {
          key: Buffer;
          value?: { key: string };
          headers: Record<string, Buffer>;
        };
        const theirs = partitioner({ topic, partitionMetadata, message: { key, value: '' } } as never);
        expect(partition).toBe(theirs);
        expect(String(headers['trace'])).toBe('t');
        if (value === undefined) tombstones++;
        else expect(String(headers[POSITION_HEADER])).toBe(`0:${100 + keys.indexOf(String(key))}:0`);
      }
    }
    expect(tombstones).toBe(1);
    const own = await openSink(topic, aSink(), { partition: () => 9 });
    await expect(own.write(batch(0, ['x']))).rejects.toThrow('partition 9 was chosen of 5');
  });
});

describe.skipIf(broker.missing)(`a pipeline in one process between Kafka topics${skipNote(broker.missing)}`, () => {
  it('counts per key and window exactly once, though it is stopped and resumed', async () => {
    const [input, output] = [await aTopic(3), await aTopic(2)];
    const base = Math.floor(Date.now() / 60_000) * 60_000 - 3_600_000;
    const events = Array.from({ length: 3_000 }, (_, n) => ({ key: `k${n % 17}`, at: base + n * 500 }));
    for (const partition of [0, 1, 2]) {
      const own = events.filter((_, n) => n % 3 === partition);
      await append(
        input,
        partition,
        own.map((event) => ({ value: bytes(JSON.stringify(event)) })),
      );
    }
    const define = () =>
      pipeline(ownNameOnce, (p) => {
        p.source('in', kafka<{ key: string; at: number }>({ topic: input, format: json(), bounded: true }), {
          eventTime: (e) => epochMillis(e.at),
          watermark: boundedOutOfOrderness(60_000 as Duration),
        })
          .keyBy('by-key', (e) => e.key)
          .window(tumbling(60_000 as Duration))
          .aggregate('count', { n: count() })
          .to('out', toKafka({ topic: output, format: json() }));
      });
    const dataDir = await mkdtemp(join(tmpdir(), 'millrace-kafka-'));
    try {
      const options = { dataDir, connections: { kafka: client }, limits: { sourceRows: 100 } };
      const stop = new AbortController();
      setTimeout(() => stop.abort(), 150);
      await runEmbedded(define(), { ...options, signal: stop.signal });
      await runEmbedded(define(), options);
    } finally {
      await rm(dataDir, { recursive: true, force: true });
    }
    const expected = new Map<string, number>();
    for (const { key, at } of events) {
      const name = `${key} ${Math.floor(at / 60_000) * 60_000}`;
      expected.set(name, (expected.get(name) ?? 0) + 1);
    }
    const log = await openSource<{ key: string; n: number; start: number }>({
      topic: output,
      record: (m) => m as never,
    });
    const rows = [...(await readAll(log, 0)), ...(await readAll(log, 1))] as {
      key: Buffer;
      value: { n: number };
      timestamp: number;
    }[];
    const seen = rows.map((row) => [`${row.key} ${row.timestamp + 1 - 60_000}`, row.value.n] as const);
    expect(seen.length).toBe(expected.size);
    expect(new Map(seen)).toEqual(expected);
  });

  it('puts aside what it cannot read, with the place it came from', async () => {
    const topic = await aTopic();
    await append(topic, 0, [{ value: bytes('1') }, { value: bytes('{') }, { value: bytes('3') }]);
    const out = toMemory<unknown>();
    const result = await runEmbedded(
      pipeline(ownName('pipe'), (p) => {
        p.source('in', kafka({ topic, format: json(), bounded: true }), { badRecords: 'dead-letter' }).to('out', out);
      }),
      { connections: { kafka: client } },
    );
    expect(result).toBeDefined();
    expect(out.records).toEqual([1, 3]);
    const plain = await readAll(await openSource({ topic, format: text() }));
    expect(plain).toEqual(['1', '{', '3']);
  });
});

const ownNameOnce = ownName('pipe');
