import { describe, expect, it } from 'vitest';
import {
  deliveriesOf,
  isKafkaEvent,
  type KafkaEvent,
  type KafkaEventRecord,
  placesOf,
} from '../../functions/kafka-event.ts';
import msk from './fixtures/msk-event.json' with { type: 'json' };
import selfManaged from './fixtures/self-managed-event.json' with { type: 'json' };

const base64 = (text: string): string => Buffer.from(text).toString('base64');
const text = (bytes: Uint8Array | undefined): string | undefined => bytes && Buffer.from(bytes).toString();

const record = (offset: number, rest: Partial<KafkaEventRecord> = {}): KafkaEventRecord => ({
  topic: 'flights',
  partition: 0,
  offset,
  timestamp: 1_545_084_650_987,
  timestampType: 'CREATE_TIME',
  key: base64('JFK'),
  value: base64('{}'),
  headers: [],
  ...rest,
});

const event = (records: Readonly<Record<string, readonly KafkaEventRecord[]>>): KafkaEvent => ({
  eventSource: 'aws:kafka',
  eventSourceArn: 'arn:aws:kafka:eu-west-1:123456789012:cluster/c/1',
  bootstrapServers: 'b-1:9098,b-2:9098',
  records,
});

/** What a decoded event says, bytes as numbers. */
const plain = (given: unknown) => {
  if (!isKafkaEvent(given)) throw new Error('it is no event of Kafka');
  return deliveriesOf(given).map(({ topic, partition, records }) => ({
    place: `${topic}/${partition}`,
    records: records.map(({ offset, key, value, headers }) => ({
      offset,
      key: key && [...key].length,
      value: text(value),
      headers: headers.map((header) => [header.name, [...header.value]]),
    })),
  }));
};

describe('events as Lambda sends them', () => {
  it('of Amazon MSK: several partitions, a tombstone that is null, signed header bytes, no key', () => {
    expect(plain(msk)).toEqual([
      {
        place: 'mytopic/0',
        records: [
          {
            ...{ offset: 15, key: 22, value: 'Hello, this is a test.' },
            headers: [['headerKey', [...Buffer.from('headerValue')]]],
          },
          {
            ...{ offset: 16, key: 22, value: undefined },
            headers: [
              ['packed', [128, 255, 0, 127]],
              ['packed', []],
            ],
          },
        ],
      },
      { place: 'mytopic/3', records: [{ offset: 2, key: undefined, value: '', headers: [] }] },
    ]);
    expect(placesOf(msk as never)).toEqual([
      { topic: 'mytopic', partition: 0 },
      { topic: 'mytopic', partition: 3 },
    ]);
  });

  it('of another cluster: a tombstone without the field, a key that is null, headers that are null or missing', () => {
    expect(plain(selfManaged)).toEqual([
      {
        place: 'my-topic.v1/0',
        records: [
          { offset: 12, key: undefined, value: '{"n":1}', headers: [] },
          { offset: Number.MAX_SAFE_INTEGER, key: 3, value: undefined, headers: [] },
        ],
      },
    ]);
  });
});

describe('an event of Kafka', () => {
  it('is decoded as Lambda documents it', () => {
    const [delivery] = deliveriesOf(
      event({ 'flights-0': [record(15, { headers: [{ trace: [104, 101, 97, 100] }, { trace: [49] }] })] }),
    );
    expect(delivery).toMatchObject({ topic: 'flights', partition: 0 });
    const [first] = delivery?.records ?? [];
    expect(first).toMatchObject({ offset: 15, time: 1_545_084_650_987 });
    expect([text(first?.key), text(first?.value)]).toEqual(['JFK', '{}']);
    expect(first?.headers.map(({ name, value }) => [name, text(value)])).toEqual([
      ['trace', 'head'],
      ['trace', '1'],
    ]);
  });

  it.each([
    ['null', { value: null }],
    ['absent', { value: undefined }],
  ])('has a tombstone where the value is %s', (_, rest) => {
    const { value: _value, ...bare } = record(1);
    const given = rest.value === null ? { ...bare, value: null } : bare;
    expect(deliveriesOf(event({ 'flights-0': [given] }))[0]?.records[0]?.value).toBeUndefined();
  });

  it('tells an empty value from a tombstone', () => {
    expect(deliveriesOf(event({ 'flights-0': [record(1, { value: '' })] }))[0]?.records[0]?.value).toEqual(
      new Uint8Array(),
    );
  });

  it.each([null, undefined])('may lack the key (%s)', (key) => {
    const { key: _key, ...bare } = record(1);
    const given = key === null ? { ...bare, key } : bare;
    expect(deliveriesOf(event({ 'flights-0': [given] }))[0]?.records[0]?.key).toBeUndefined();
  });

  it('reads header bytes signed and unsigned', () => {
    const headers = [{ packed: [-1, -128, 127, 0] }, { packed: [255, 128] }];
    const [first] = deliveriesOf(event({ 'flights-0': [record(1, { headers })] }))[0]?.records ?? [];
    expect(first?.headers.map(({ value }) => [...value])).toEqual([
      [255, 128, 127, 0],
      [255, 128],
    ]);
  });

  it.each([null, undefined])('may lack headers (%s)', (headers) => {
    const { headers: _headers, ...bare } = record(1);
    const given = headers === null ? { ...bare, headers } : bare;
    expect(deliveriesOf(event({ 'flights-0': [given] }))[0]?.records[0]?.headers).toEqual([]);
  });

  it('is split by topic and partition, whatever the names hold, and sorted with each offset once', () => {
    const deliveries = deliveriesOf(
      event({
        'a-1-0': [record(9, { topic: 'a-1' }), record(7, { topic: 'a-1' }), record(9, { topic: 'a-1' })],
        'a-10': [record(3, { topic: 'a', partition: 10 })],
      }),
    );
    expect(deliveries.map(({ topic, partition, records }) => [topic, partition, records.map((r) => r.offset)])).toEqual(
      [
        ['a-1', 0, [7, 9]],
        ['a', 10, [3]],
      ],
    );
  });

  it('is refused where a record has no place in a log', () => {
    expect(() => deliveriesOf(event({ x: [record(-1)] }))).toThrow(expect.objectContaining({ kind: 'incompatible' }));
    expect(() => deliveriesOf(event({ x: [{} as KafkaEventRecord] }))).toThrow('without topic');
  });

  it.each([
    [event({}), true],
    [{ eventSource: 'SelfManagedKafka', records: {} }, true],
    [{ eventSource: 'aws:sqs', records: {} }, false],
    [{ ring: [] }, false],
    [null, false],
    ['aws:kafka', false],
  ])('is told from other events: %j', (given, expected) => {
    expect(isKafkaEvent(given)).toBe(expected);
  });
});
