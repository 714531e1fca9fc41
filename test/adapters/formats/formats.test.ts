import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { avro, json, protobuf, raw, text } from '../../../lib/adapters/formats/index.ts';

describe('formats', () => {
  it('json gives back what it wrote', async () => {
    const format = await json().open();
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(format.decode(format.encode(value))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
    expect(format.decode(format.encode({ n: 12n }))).toEqual({ n: '12' });
    expect(() => format.decode(Buffer.from('{"a":'))).toThrow(/no JSON/);
    expect(() => format.decode(Uint8Array.of(0xff, 0x22))).toThrow(/no UTF-8/);
    expect(() => format.encode(undefined)).toThrow(/a undefined has none/);
    const circle: { self?: unknown } = {};
    circle.self = circle;
    expect(() => format.encode(circle)).toThrow(/cannot be written as JSON/);
  });

  it('text and raw keep every character and byte', async () => {
    const [asText, asBytes] = [await text().open(), await raw().open()];
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.uint8Array(), (string, bytes) => {
        expect(asText.decode(asText.encode(string))).toBe(string);
        expect(asBytes.decode(asBytes.encode(bytes))).toEqual(bytes);
      }),
    );
  });

  it('avro reads plain data, and longs as asked', async () => {
    const schema = {
      type: 'record',
      name: 'R',
      fields: [
        { name: 'id', type: 'long' },
        { name: 'tags', type: { type: 'map', values: 'string' } },
        { name: 'body', type: ['null', 'bytes'] },
      ],
    };
    const numbers = await avro({ schema }).open();
    const value = { id: 7, tags: { a: 'b' }, body: new Uint8Array([1, 2]) };
    const encoded = numbers.encode({ ...value, body: Buffer.from(value.body) });
    const decoded = numbers.decode(encoded);
    expect(decoded).toStrictEqual(value);
    const bigints = await avro({ schema, longs: 'bigint' }).open();
    const big = { id: 2n ** 60n, tags: {}, body: null };
    expect(bigints.decode(bigints.encode(big))).toStrictEqual(big);
    expect(() => numbers.decode(bigints.encode(big))).toThrow();
    await expect(avro({ schema: { type: 'nonsense' } }).open()).rejects.toMatchObject({ kind: 'invalid-pipeline' });
  });

  it('protobuf reads plain data, and names what is missing', async () => {
    const proto =
      'syntax = "proto3"; package p; message M { int64 big_id = 1; repeated string tags = 2; map<string, int32> n = 3; }';
    const format = await protobuf({ proto, message: 'p.M' }).open();
    const value = { big_id: 7, tags: ['a'], n: { x: 1 } };
    expect(format.decode(format.encode(value))).toStrictEqual(value);
    const bigints = await protobuf({ proto, message: 'p.M', longs: 'bigint' }).open();
    const huge = bigints.encode({ big_id: '1152921504606846976', tags: [], n: {} });
    expect(bigints.decode(huge)).toStrictEqual({ big_id: 2n ** 60n, tags: [], n: {} });
    expect(() => format.decode(huge)).toThrow(/no exact number/);
    await expect(protobuf({ proto, message: 'p.Missing' }).open()).rejects.toThrow(/no message p.Missing/);
    await expect(protobuf({ proto: 'message {', message: 'x' }).open()).rejects.toThrow(/cannot be understood/);
  });
});
