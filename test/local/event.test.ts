import { describe, expect, it } from 'vitest';
import { deliveriesOf, isKafkaEvent } from '../../functions/kafka-event.ts';
import type { KafkaRecord } from '../../lib/adapters/kafka/index.ts';
import { eventText, recordText } from '../../lib/local/event.ts';
import type { KafkaMapping } from '../../lib/local/index.ts';
import { milliseconds } from '../../lib/model/index.ts';

const bytes = (...values: number[]) => Uint8Array.from(values);
const text = (value: string) => new TextEncoder().encode(value);

const mapping: KafkaMapping = {
  name: 'm',
  functionName: 'f',
  topic: 'mytopic',
  group: 'g',
  startingPosition: 'TRIM_HORIZON',
  batchSize: 100,
  window: milliseconds(0),
  form: { kind: 'self-managed', bootstrapServers: 'b-1:9092,b-2:9092' },
};
const arn = 'arn:aws:kafka:us-east-1:123456789012:cluster/c/1-2';
const msk: KafkaMapping = { ...mapping, form: { kind: 'msk', clusterArn: arn, bootstrapServers: 'b-1:9092' } };

const plain = { timestampType: 'CREATE_TIME', absent: false, unsigned: false } as const;
const record: KafkaRecord = {
  offset: 15,
  time: 1_545_084_650_987,
  key: text('abc'),
  value: text('Hello, this is a test.'),
  headers: [['headerKey', text('headerValue')]],
};
const eventOf = (of: KafkaMapping, records: readonly KafkaRecord[], form: Parameters<typeof recordText>[3] = plain) =>
  JSON.parse(eventText(of, [{ partition: 0, texts: records.map((each) => recordText(of.topic, 0, each, form)) }]));

describe('an event', () => {
  it('has the form that Lambda documents for Amazon MSK', () => {
    expect(eventOf(msk, [record])).toEqual({
      eventSource: 'aws:kafka',
      eventSourceArn: arn,
      bootstrapServers: 'b-1:9092',
      records: {
        'mytopic-0': [
          {
            topic: 'mytopic',
            partition: 0,
            offset: 15,
            timestamp: 1_545_084_650_987,
            timestampType: 'CREATE_TIME',
            key: 'YWJj',
            value: 'SGVsbG8sIHRoaXMgaXMgYSB0ZXN0Lg==',
            headers: [{ headerKey: [104, 101, 97, 100, 101, 114, 86, 97, 108, 117, 101] }],
          },
        ],
      },
    });
  });

  it('has the form that Lambda documents for self-managed Kafka', () => {
    const event = eventOf(mapping, [record]);
    expect(Object.keys(event)).toEqual(['eventSource', 'bootstrapServers', 'records']);
    expect(event).toMatchObject({ eventSource: 'SelfManagedKafka', bootstrapServers: 'b-1:9092,b-2:9092' });
  });

  it('writes a tombstone and a missing key as null or leaves them out, and bytes of headers signed or not', () => {
    const bare = { ...record, key: undefined, value: undefined, headers: [['h', bytes(0, 127, 128, 255)]] as const };
    const [first] = eventOf(mapping, [bare]).records['mytopic-0'];
    expect([first.key, first.value, first.headers]).toEqual([null, null, [{ h: [0, 127, -128, -1] }]]);
    const [other] = eventOf(mapping, [bare], { timestampType: 'LOG_APPEND_TIME', absent: true, unsigned: true })
      .records['mytopic-0'];
    expect(Object.keys(other)).toEqual(['topic', 'partition', 'offset', 'timestamp', 'timestampType', 'headers']);
    expect([other.timestampType, other.headers]).toEqual(['LOG_APPEND_TIME', [{ h: [0, 127, 128, 255] }]]);
  });

  it('is understood by functions in all its forms, names that need escaping too', () => {
    const odd: KafkaRecord = {
      ...record,
      value: undefined,
      headers: [
        ['"ä"', bytes(200)],
        ['"ä"', bytes()],
      ],
    };
    for (const absent of [true, false]) {
      for (const unsigned of [true, false]) {
        const event: unknown = eventOf(msk, [record, { ...odd, offset: 16 }], { ...plain, absent, unsigned });
        if (!isKafkaEvent(event)) throw new Error('no Kafka event');
        const [delivery] = deliveriesOf(event);
        expect(delivery!.records[1]).toEqual({
          offset: 16,
          time: record.time,
          key: text('abc'),
          value: undefined,
          headers: [
            { name: '"ä"', value: bytes(200) },
            { name: '"ä"', value: bytes() },
          ],
        });
      }
    }
  });
});
