import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Compression, compressions, loadCodec } from '../../../lib/adapters/kafka/compression.ts';
import {
  batchHeads,
  decodeRecords,
  encodeBatch,
  type KafkaRecord,
  type NewRecord,
  sizeOf,
} from '../../../lib/adapters/kafka/record-batch.ts';

const codecs = new Map(await Promise.all(compressions.map(async (each) => [each, await loadCodec(each)] as const)));

const stamp = (compression: Compression = 'none') => ({
  producerId: 4_000_000_000,
  producerEpoch: 3,
  sequence: 17,
  now: 1_700_000_000_000,
  compression,
  codec: codecs.get(compression)!,
});

/** The batch as a broker would store it. */
function stored(records: readonly NewRecord[], baseOffset: number, compression: Compression = 'none'): Buffer {
  const bytes = Buffer.from(encodeBatch(records, stamp(compression)));
  bytes.writeBigInt64BE(BigInt(baseOffset), 0);
  return bytes;
}

function decoded(bytes: Buffer, from = 0): KafkaRecord[] {
  const records: KafkaRecord[] = [];
  for (const head of batchHeads(bytes)) decodeRecords(head, codecs.get(head.compression)!, from, records);
  return records;
}

const plain = (records: readonly Partial<KafkaRecord>[]) =>
  records.map(({ offset, time, key, value, headers }) => ({
    offset,
    time,
    key: key && [...key],
    value: value && [...value],
    headers: headers?.map(([name, bytes]) => [name, bytes && [...bytes]]),
  }));

const bytes = fc.uint8Array({ maxLength: 200 });
const anyRecord: fc.Arbitrary<NewRecord> = fc.record(
  {
    key: fc.option(bytes, { nil: undefined }),
    value: fc.option(bytes, { nil: undefined }),
    headers: fc.array(fc.tuple(fc.string({ unit: 'grapheme' }), fc.option(bytes, { nil: undefined })), {
      maxLength: 3,
    }),
    time: fc.integer({ min: 0, max: 2 ** 42 }),
  },
  { requiredKeys: ['value'] },
);

describe('a record batch', () => {
  it.each(compressions)('brings back what was written, compressed by %s', (compression) => {
    fc.assert(
      fc.property(
        fc.array(anyRecord, { minLength: 1, maxLength: 20 }),
        fc.integer({ min: 0, max: 2 ** 50 }),
        (records, base) => {
          const expected = records.map((record, i) => ({
            offset: base + i,
            time: record.time ?? stamp().now,
            key: record.key,
            value: record.value,
            headers: record.headers ?? [],
          }));
          expect(plain(decoded(stored(records, base, compression)))).toEqual(plain(expected));
        },
      ),
      { numRuns: 60 },
    );
  });

  it('takes no more bytes than announced', () => {
    fc.assert(
      fc.property(fc.array(anyRecord, { minLength: 1, maxLength: 20 }), (records) => {
        const announced = records.reduce((sum, record) => sum + sizeOf(record), 61);
        expect(encodeBatch(records, stamp()).length).toBeLessThanOrEqual(announced);
      }),
    );
  });

  it('passes over records below the asked offset', () => {
    const records = Array.from({ length: 10 }, (_, i) => ({ value: Uint8Array.of(i) }));
    expect(decoded(stored(records, 100), 107).map(({ offset }) => offset)).toEqual([107, 108, 109]);
  });

  it('leaves out a batch that was cut off, wherever', () => {
    const whole = stored([{ value: Uint8Array.of(1) }], 0);
    const next = stored([{ value: Uint8Array.of(2) }], 1);
    for (let length = 0; length < next.length; length++) {
      expect(decoded(Buffer.concat([whole, next.subarray(0, length)])).map(({ offset }) => offset)).toEqual([0]);
    }
  });

  it('gives all records the time at which the broker took the batch in, where the topic keeps that time', () => {
    const batch = stored(
      [
        { value: undefined, time: 5 },
        { value: undefined, time: 9 },
      ],
      0,
    );
    batch.writeInt16BE(batch.readInt16BE(21) | 8, 21);
    batch.writeBigInt64BE(1234n, 35);
    expect(decoded(batch).map(({ time }) => time)).toEqual([1234, 1234]);
  });

  it('refuses formats of before Kafka 0.11', () => {
    const old = stored([{ value: undefined }], 0);
    old[16] = 1;
    expect(() => batchHeads(old)).toThrow(expect.objectContaining({ kind: 'incompatible' }));
  });

  it('reads a bare block of snappy, as some clients write it', async () => {
    const { default: snappy } = await import('snappyjs');
    const text = Buffer.from('one one one one');
    expect(codecs.get('snappy')!.decompress(snappy.compress(text)).toString()).toBe('one one one one');
  });
});
