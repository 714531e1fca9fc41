import { beforeEach, describe, expect, it } from 'vitest';
import { type Exchange, KafkaClient, KafkaLog, type OpenConnection } from '../../../lib/adapters/kafka/index.ts';
import { encodeBatch } from '../../../lib/adapters/kafka/record-batch.ts';
import { WireReader, WireWriter } from '../../../lib/adapters/kafka/wire.ts';

const OUT_OF_RANGE = 1;
const topic = { name: 't', id: 'id', partitions: 1 };

interface Fetch {
  readonly committedOnly: boolean;
  readonly patience: number;
}

interface Answer {
  readonly error?: number;
  readonly highWatermark: number;
  readonly batches?: Buffer;
}

/** A broker with one topic of one empty partition; fetches are answered as the test says. */
class FakeBroker {
  readonly fetches: Fetch[] = [];
  /** What ListOffsets says is the end. */
  end = 0;
  fetched: (fetch: Fetch) => Promise<Answer> = async () => ({ highWatermark: this.end });

  readonly open: OpenConnection = async () => ({
    open: true,
    close: () => {},
    send: async <T>(exchange: Exchange<T>) => (await this.#answer(exchange)) as T,
  });

  async #answer(exchange: Exchange<unknown>): Promise<unknown> {
    switch (exchange.name) {
      case 'Metadata': {
        const brokers = [{ id: 0, address: 'broker:1' }];
        return { brokers, controller: 0, topics: [{ error: 0, name: topic.name, id: topic.id, leaders: [0] }] };
      }
      case 'ListOffsets':
        return [{ partition: 0, error: 0, offset: this.end }];
      case 'Fetch': {
        const fetch = readFetch(exchange);
        this.fetches.push(fetch);
        const { error = 0, highWatermark, batches = Buffer.alloc(0) } = await this.fetched(fetch);
        const place = { topicId: topic.id, partition: 0, error, highWatermark, lastStableOffset: highWatermark };
        return { error: 0, partitions: [{ ...place, logStart: 0, aborted: [], batches }] };
      }
      default:
        throw new Error(`not expected: ${exchange.name}`);
    }
  }
}

function readFetch(exchange: Exchange<unknown>): Fetch {
  const writer = new WireWriter();
  exchange.encode(writer);
  const reader = new WireReader(writer.bytes);
  reader.int32();
  const patience = reader.int32();
  reader.skip(8);
  return { patience, committedOnly: reader.int8() === 1 };
}

/** A batch of one record at an offset. */
function batchAt(offset: number): Buffer {
  const stamp = { producerId: 1, producerEpoch: 0, sequence: 0, now: 0, compression: 'none', codec: noCodec } as const;
  const bytes = encodeBatch([{ value: Buffer.from('x') }], stamp);
  bytes.writeBigInt64BE(BigInt(offset));
  return bytes;
}

const noCodec = { compress: (bytes: Buffer) => bytes, decompress: (bytes: Buffer) => bytes };

describe('reads', () => {
  let broker: FakeBroker;
  let client: KafkaClient;

  beforeEach(() => {
    broker = new FakeBroker();
    client = new KafkaClient({ brokers: ['broker:1'] }, { patience: 300 }, broker.open);
  });

  it('of a log that was cut off before the place say where it ends', async () => {
    broker.end = 3;
    let asked = 0;
    broker.fetched = async () => (asked++ === 0 ? { error: OUT_OF_RANGE, highWatermark: -1 } : { highWatermark: 3 });
    const slice = await new KafkaLog(client).read(topic, 0, 7, { messages: 10, bytes: 1_000 });
    expect(slice).toMatchObject({ messages: [], end: 3 });
  });

  it('take a new leader that does not know yet what all replicas have for no such thing', async () => {
    broker.fetched = async () => ({ highWatermark: 3 });
    const slice = await new KafkaLog(client).read(topic, 0, 7, { messages: 10, bytes: 1_000 });
    expect(slice).toMatchObject({ messages: [], next: 7, end: 7 });
  });

  it('are given up after a while, with pauses, where the leader refuses an offset that lies between its bounds', async () => {
    broker.end = 7;
    let asked = 0;
    broker.fetched = async () =>
      asked++ % 2 === 0 ? { error: OUT_OF_RANGE, highWatermark: -1 } : { highWatermark: 7 };
    const limit = { bytes: 1_000, committedOnly: false };
    await expect(client.read({ topic, partition: 0, from: 3 }, limit)).rejects.toMatchObject({ kind: 'unavailable' });
    expect(asked).toBeLessThan(30);
  });

  it('of the bounds are given up after a while, with pauses, where the leader refuses the end that it has named', async () => {
    broker.end = 7;
    let asked = 0;
    broker.fetched = async () => ({ error: OUT_OF_RANGE, highWatermark: -1 * ++asked });
    await expect(client.bounds(topic, 0)).rejects.toMatchObject({ kind: 'unavailable', retry: true });
    expect(asked).toBeLessThan(30);
  });

  it('of different places wait beside one another, and none takes what another has asked for', async () => {
    const limit = { bytes: 1_000, committedOnly: false };
    const answers = [0, 1].map(() => Promise.withResolvers<Answer>());
    broker.fetched = async () => answers[broker.fetches.length - 1]?.promise ?? { highWatermark: 0 };
    const reader = client.reader();
    const first = reader.read([{ topic, partition: 0, from: 5 }], limit, 1_000);
    await expect.poll(() => broker.fetches.length).toBe(1);
    const second = reader.read([{ topic, partition: 0, from: 6 }], limit, 1_000);
    await expect.poll(() => broker.fetches.length).toBe(2);
    answers[1]!.resolve({ highWatermark: 7, batches: batchAt(6) });
    answers[0]!.resolve({ highWatermark: 7, batches: batchAt(5) });
    expect(await Promise.all([first, second])).toMatchObject([[{ next: 6 }], [{ next: 7 }]]);
    expect(broker.fetches).toHaveLength(2);
  });

  it('of the bounds do not go back when the leader changes in between', async () => {
    broker.end = 7;
    broker.fetched = async () => ({ highWatermark: 3 });
    expect(await new KafkaLog(client).bounds(topic, 0)).toEqual({ start: 0, end: 7 });
  });

  it('of committed records are not answered by a request for all, which waits at the same place', async () => {
    const place = { topic, partition: 0, from: 0 };
    const release = Promise.withResolvers<{ highWatermark: number }>();
    broker.fetched = async ({ committedOnly }) => (committedOnly ? { highWatermark: 0 } : release.promise);
    const leave = new AbortController();
    const reader = client.reader();
    const all = reader.read([place], { bytes: 1_000, committedOnly: false }, 5_000, leave.signal);
    await expect.poll(() => broker.fetches.length).toBe(1);
    leave.abort();
    await all;
    await reader.read([place], { bytes: 1_000, committedOnly: true }, 20);
    expect(broker.fetches.some(({ committedOnly }) => committedOnly)).toBe(true);
    release.resolve({ highWatermark: 0 });
  });
});
