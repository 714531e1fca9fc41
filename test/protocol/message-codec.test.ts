import { deepStrictEqual } from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ALL, MillraceError, NOTHING } from '../../lib/model/index.ts';
import { decodeMessage, encodeMessage, type Frame, type Message } from '../../lib/protocol/index.ts';
import { anyFrame, anyMessage } from './any-message.ts';

const frameOf = (values: readonly unknown[], rest: Partial<Frame> = {}): Frame => ({
  kind: 'frame',
  run: 'r1',
  channel: { edge: 'flights', task: 2 },
  channels: 4,
  epoch: 1,
  prev: NOTHING,
  thru: { cause: 40, k: ALL },
  values,
  keys: undefined,
  times: values.map((_, i) => 1_000_000 + i),
  causes: values.map((_, i) => i),
  ks: values.map(() => 0),
  steps: [],
  ...rest,
});
const goldenFrame = frameOf(
  [
    { date: new Date('2001-01-01T00:05:00Z'), delay: -4, origin: 'JFK' },
    { date: new Date('2001-01-01T00:07:00Z'), delay: 25, origin: 'ATL' },
    { date: new Date('2001-01-01T00:12:00Z'), delay: 0, origin: 'JFK' },
  ],
  {
    prev: { cause: 36, k: ALL },
    keys: ['JFK', 'ATL', 'JFK'],
    times: [978_307_500_000, 978_307_620_000, 978_307_920_000],
    causes: [37, 38, 40],
    steps: [0, 978_307_199_999, 3, 978_307_619_999],
  },
);
const golden = readFileSync(new URL('../golden/frame.hex', import.meta.url), 'utf8').replaceAll(/\s+/g, '');
const valuesSize = (values: readonly unknown[]): number =>
  encodeMessage(frameOf(values)).length - encodeMessage(frameOf([])).length;
const refused = (bytes: Uint8Array): MillraceError => {
  try {
    decodeMessage(bytes);
  } catch (error) {
    if (error instanceof MillraceError) return error;
    throw error;
  }
  throw new Error('it was decoded');
};

describe('messages as bytes', () => {
  it('are read back as they were', () => {
    fc.assert(
      fc.property(anyMessage, (message) => deepStrictEqual(decodeMessage(encodeMessage(message)), message)),
      { numRuns: 1_000 },
    );
  });

  it('are read back as they were when compressed', () => {
    fc.assert(
      fc.property(anyMessage, (message) =>
        deepStrictEqual(decodeMessage(encodeMessage(message, { compressOver: 0 })), message),
      ),
    );
    const frame = frameOf(Array.from({ length: 500 }, (_, i) => ({ text: `departure ${i}` })));
    expect(encodeMessage(frame, { compressOver: 100 }).length).toBeLessThan(encodeMessage(frame).length / 2);
    expect(encodeMessage(frame, { compressOver: 1e6 })).toEqual(encodeMessage(frame));
  });

  it('depend on nothing but the message', () => {
    fc.assert(
      fc.property(anyFrame, anyFrame, (a, b) => {
        const before = encodeMessage(a);
        encodeMessage(b);
        decodeMessage(before);
        expect(encodeMessage(a)).toEqual(before);
        expect(encodeMessage(decodeMessage(before))).toEqual(before);
      }),
    );
  });

  it('are pinned byte for byte', () => {
    expect(Buffer.from(encodeMessage(goldenFrame)).toString('hex')).toBe(golden);
    deepStrictEqual(decodeMessage(Buffer.from(golden, 'hex')), goldenFrame);
  });

  it('are explained byte for byte in the documentation', () => {
    const page = readFileSync(new URL('../../docs/frame-format.md', import.meta.url), 'utf8');
    const example = page.slice(page.indexOf('```text') + 8, page.lastIndexOf('```')).split('\n');
    expect(example.map((line) => line.slice(0, 36).replaceAll(' ', '')).join('')).toBe(golden);
  });

  it('of control are pinned too', () => {
    const hex = (message: Message): string => Buffer.from(encodeMessage(message)).toString('hex').slice(14);
    const claim = { channel: { edge: 'e', task: 0 }, prev: NOTHING, upTo: 7, watermark: undefined, silentSince: 200 };
    const list = [claim, { ...claim, channel: { edge: 'e', task: 1 }, prev: { cause: 6, k: 2 }, watermark: 300 }];
    expect(hex({ kind: 'tick', run: 'r', time: 300 })).toBe('0200' + '0472' + '04d804');
    expect(hex({ kind: 'barrier', run: 'r', epoch: 2, code: 'ab' })).toBe('0300' + '0472' + '04' + '086162');
    expect(hex({ kind: 'claims', run: 'r', time: 5, edges: [['e', 2]], list })).toBe(
      '0100' +
        '0472' +
        '85' +
        '01046502' +
        '02' +
        '0400000' +
        '26565' +
        '0101000001' +
        '0100' +
        '0c03' +
        '01000e' +
        '0000' +
        '04d804' +
        '0100' +
        '9003',
    );
  });

  it('keep the least and the greatest times beside each other', () => {
    const times = [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER, 0];
    deepStrictEqual(decodeMessage(encodeMessage(frameOf([1, 2, 3, 4], { times }))), frameOf([1, 2, 3, 4], { times }));
  });

  it('keep numbers of every width, in any step', () => {
    for (const range of [
      0,
      1,
      255,
      256,
      65_535,
      65_536,
      2 ** 24 - 1,
      2 ** 24,
      2 ** 32 - 1,
      2 ** 32,
      2 ** 48 - 1,
      2 ** 48,
      2 ** 53 - 1,
    ]) {
      for (const base of [0, -1, -range, Math.floor(-range / 2)]) {
        const jumps = Array.from({ length: 64 }, (_, i) => base + (i % 2 === 0 ? 0 : range) + 0);
        const slopes = Array.from({ length: 40 }, (_, i) => i * Math.floor(range / 41) + (i % 3 === 0 ? 1 : 0));
        for (const values of [jumps, slopes, [...jumps, ...slopes], jumps.slice(0, 2)]) {
          deepStrictEqual(decodeMessage(encodeMessage(frameOf(values))), frameOf(values));
        }
      }
    }
  });
});

describe('frames', () => {
  const rows = <T>(n: number, make: (i: number) => T): T[] => Array.from({ length: n }, (_, i) => make(i));

  it('name the fields of their records once', () => {
    const size = valuesSize(
      rows(1_000, (i) => ({ delay: i % 200, origin: ['JFK', 'ATL', 'LAX'][i % 3], ok: i % 7 > 3 })),
    );
    expect(size).toBeLessThan(1_000 * (1 + 1 + 1 / 8) + 100);
  });

  it('take no bytes for offsets that ascend evenly, times that do, and outputs that are first', () => {
    const n = 1_000;
    const frame = frameOf(new Array(n).fill(null), {
      causes: rows(n, (i) => 5_000 + i),
      times: rows(n, (i) => 1e12 + i * 60_000),
    });
    expect(encodeMessage(frame).length).toBeLessThan(80);
  });

  it('keep records of a few shapes in columns too', () => {
    const size = valuesSize(
      rows(1_000, (i) => (i % 2 ? { type: 'bid', price: i % 100 } : { type: 'auction', item: i % 50, note: null })),
    );
    expect(size).toBeLessThan(1_000 * 3);
  });

  it('do not let one outlier widen a whole column', () => {
    expect(valuesSize(rows(1_000, (i) => (i === 500 ? 2 ** 40 : i % 50)))).toBeLessThan(1_200);
  });

  it('keep strings that do not repeat without a dictionary', () => {
    expect(valuesSize(rows(1_000, (i) => `id-${10_000 + i}`))).toBeLessThan(8_050);
  });

  it('tell records whose fields are the first of another one, or more', () => {
    const pair = [{ a: 1, b: 2 }, { a: 1 }];
    for (const values of [
      pair,
      pair.toReversed(),
      [...pair, ...pair, ...pair],
      [pair, pair.toReversed()],
      [{}, { a: 1 }],
    ]) {
      deepStrictEqual(decodeMessage(encodeMessage(frameOf(values))), frameOf(values));
    }
  });

  it('keep records nested far deeper than columns go', () => {
    const nested = (levels: number): unknown => (levels === 0 ? 1 : { in: nested(levels - 1) });
    for (const levels of [7, 8, 9, 10, 60]) {
      const frame = frameOf(rows(5, (i) => ({ i, deep: nested(levels) })));
      deepStrictEqual(decodeMessage(encodeMessage(frame)), frame);
    }
    const cycle: Record<string, unknown> = {};
    cycle['self'] = cycle;
    expect(() => encodeMessage(frameOf([1, cycle]))).toThrow(/a cycle, cannot be encoded at record\[1\]\.self/);
  });

  it('give records of one shape one hidden class of plain objects', () => {
    const { values } = decodeMessage(encodeMessage(frameOf(rows(500, (i) => ({ a: i, b: 'x' }))))) as Frame;
    expect(new Set(values.map((value) => Object.getPrototypeOf(value)))).toEqual(new Set([Object.prototype]));
    expect(new Set(values.map((value) => Object.keys(value as object).join())).size).toBe(1);
  });

  it('do not share strings, arrays or dates between the bytes and the records', () => {
    const frame = frameOf([{ b: new Uint8Array([1, 2]), d: new Date(5) }]);
    const bytes = encodeMessage(frame);
    const decoded = decodeMessage(bytes);
    bytes.fill(0);
    deepStrictEqual(decoded, frame);
  });

  it('are refused with the record and the path that cannot be encoded', () => {
    const values = [{ a: 1 }, { a: { b: [new (class Money {})()] } }];
    expect(() => encodeMessage(frameOf(values))).toThrow(
      'a value of class Money cannot be encoded at record[1].a.b[0]',
    );
    expect(() => encodeMessage(frameOf([1, 2], { ks: [0] }))).toThrow(/columns differ in length/);
    deepStrictEqual(decodeMessage(encodeMessage(goldenFrame)), goldenFrame);
  });
});

describe('damaged messages', () => {
  const messages: Message[] = [
    goldenFrame,
    { kind: 'tick', run: 'r', time: 5 },
    { kind: 'barrier', run: 'r', epoch: 3, code: 'c0ffee' },
    { kind: 'claims', run: 'r', time: 9, edges: [['e', 2]], list: [] },
  ];

  it('are refused whichever byte was changed', () => {
    for (const message of messages) {
      const bytes = encodeMessage(message);
      for (let i = 0; i < bytes.length; i++) {
        for (const flip of [1, 0x80, 0xff]) {
          const changed = bytes.slice();
          changed[i] = (changed[i] as number) ^ flip;
          expect(refused(changed).kind).toBe(i < 3 ? 'incompatible' : 'data-lost');
        }
      }
    }
  });

  it('are refused wherever they were cut off', () => {
    const bytes = encodeMessage(goldenFrame);
    for (let n = 0; n < bytes.length; n++) expect(refused(bytes.subarray(0, n)).hint).toBeTypeOf('string');
    expect(refused(Uint8Array.of(...bytes, 0)).message).toMatch(/checksum/);
  });

  it('whose checksum is right are read or refused, and never hang', () => {
    fc.assert(
      fc.property(anyMessage, fc.nat(), fc.integer({ min: 1, max: 255 }), (message, at, flip) => {
        const bytes = encodeMessage(message);
        const i = 7 + (at % (bytes.length - 7));
        bytes[i] = (bytes[i] as number) ^ flip;
        new DataView(bytes.buffer).setUint32(3, crc32(bytes.subarray(7)), true);
        try {
          decodeMessage(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(MillraceError);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('of a newer format say so', () => {
    const bytes = encodeMessage(goldenFrame);
    bytes[2] = 2;
    expect(refused(bytes)).toMatchObject({
      kind: 'incompatible',
      message: 'a message is of format 2, this code reads format 1',
      hint: expect.stringContaining('newer version'),
    });
  });

  it('that millrace never wrote say so', () => {
    expect(refused(Buffer.from('{"delay":5}')).message).toMatch(/did not write/);
    expect(refused(new Uint8Array(0)).kind).toBe('incompatible');
  });
});
