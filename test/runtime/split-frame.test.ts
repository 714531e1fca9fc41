import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ALL, NOTHING, type Position } from '../../lib/model/index.ts';
import { Channels, encodeMessage, type Frame } from '../../lib/protocol/index.ts';
import { splitToFit } from '../../lib/runtime/split-frame.ts';
import { frameOf, type Row } from './stage.ts';

const EDGE = 'a--b';

/** What a receiver does with frames: records in order, and the channel's watermark before each. */
class Receiving {
  readonly events: unknown[] = [];
  readonly #channels = new Channels([{ edge: EDGE, bound: 0, idle: undefined }], 0);

  take(frame: Frame): void {
    const { kind, first } = this.#channels.arrival(frame);
    if (kind === 'gap') throw new Error('gap');
    this.#channels.begin(frame);
    let step = 0;
    const until = (i: number) => {
      for (; step < frame.steps.length && frame.steps[step]! <= i; step += 2) {
        const watermark = frame.steps[step + 1]!;
        if (this.#channels.step(EDGE, 0, watermark)) this.events.push(watermark);
      }
    };
    for (let i = first; i < frame.values.length; i++) {
      until(i);
      this.events.push([frame.values[i], frame.times[i], frame.keys?.[i], frame.causes[i], frame.ks[i]]);
    }
    until(frame.values.length);
    this.#channels.end(frame);
  }

  get thru(): Position {
    return this.#channels.state(EDGE, 0)!.thru;
  }
}

const received = (frames: readonly Frame[]): Receiving => {
  const receiving = new Receiving();
  for (const frame of frames) receiving.take(frame);
  return receiving;
};

/** A frame of random messages of one to four records, with ascending steps in any places. */
const anyFrame = fc
  .record({
    sizes: fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: 8 }),
    texts: fc.array(fc.string({ maxLength: 30 }), { minLength: 1, maxLength: 5 }),
    steps: fc.array(fc.tuple(fc.nat(20), fc.integer({ min: 1, max: 1e6 })), { maxLength: 30 }),
    keyed: fc.boolean(),
    prev: fc.constantFrom<Position>(NOTHING, { cause: 3, k: ALL }, { cause: 4, k: 1 }),
    behind: fc.nat(3),
  })
  .map(({ sizes, texts, steps, keyed, prev, behind }) => {
    const rows = sizes.flatMap((size, m): Row[] =>
      Array.from({ length: size }, (_, k) => ({
        value: texts[(m + k) % texts.length],
        time: m,
        cause: 5 + m,
        k,
        ...(keyed ? { key: `k${m}` } : {}),
      })),
    );
    const places = steps.map(([place]) => Math.min(place, rows.length)).sort((a, b) => a - b);
    const times = steps.map(([, time]) => time).sort((a, b) => a - b);
    return frameOf(EDGE, rows, {
      prev,
      thru: { cause: 4 + sizes.length + behind, k: ALL },
      steps: places.flatMap((place, i) => [place, times[i]!]),
    });
  });

/** A receiver that has what came before the frame. */
const preceding = ({ prev }: Frame): Frame[] =>
  prev === NOTHING ? [] : [frameOf(EDGE, [], { thru: { cause: 3, k: ALL } }), frameOf(EDGE, [], { thru: prev })];

describe('splitting a frame', () => {
  it('7: parts applied in order are the frame applied whole, at any limit, and each fits', () => {
    fc.assert(
      fc.property(anyFrame, fc.integer({ min: 150, max: 700 }), (frame, limit) => {
        const parts = splitToFit(frame, limit);
        for (const { bytes } of parts) expect(bytes.length).toBeLessThanOrEqual(limit);
        const whole = received([...preceding(frame), frame]);
        const pieces = received([...preceding(frame), ...parts.map((part) => part.frame)]);
        expect(pieces.events).toEqual(whole.events);
        expect(pieces.thru).toEqual(whole.thru);
      }),
      { numRuns: 300 },
    );
  });

  it('7: a repeat cut elsewhere adds nothing', () => {
    fc.assert(
      fc.property(
        anyFrame,
        fc.integer({ min: 150, max: 700 }),
        fc.integer({ min: 150, max: 700 }),
        fc.nat(10),
        (frame, one, other, n) => {
          const first = splitToFit(frame, one).map((part) => part.frame);
          const again = splitToFit(frame, other).map((part) => part.frame);
          const whole = received([...preceding(frame), frame]);
          const mixed = received([...preceding(frame), ...first.slice(0, n), ...again, ...first]);
          expect(mixed.events).toEqual(whole.events);
        },
      ),
      { numRuns: 200 },
    );
  });

  it('6: each part presumes the one before it', () => {
    fc.assert(
      fc.property(anyFrame, fc.integer({ min: 150, max: 700 }), (frame, limit) => {
        let { prev } = frame;
        for (const { frame: part } of splitToFit(frame, limit)) {
          expect(part.prev).toEqual(prev);
          prev = part.thru;
        }
        expect(prev).toEqual(frame.thru);
      }),
    );
  });

  it('cuts inside a message only if that message alone does not fit', () => {
    fc.assert(
      fc.property(anyFrame, fc.integer({ min: 150, max: 700 }), (frame, limit) => {
        for (const { frame: part } of splitToFit(frame, limit)) {
          if (part.thru.k === ALL) continue;
          const rows = frame.causes.flatMap((cause, i) => (cause === part.thru.cause ? [i] : []));
          const [first, last] = [rows[0]!, rows.at(-1)!];
          const steps = frame.steps.flatMap((place, i) =>
            i % 2 === 0 && place >= first && (place <= last || last === frame.values.length - 1)
              ? [place - first, frame.steps[i + 1]!]
              : [],
          );
          const alone = {
            ...frameOf(
              EDGE,
              rows.map((i) => ({
                value: frame.values[i],
                time: frame.times[i]!,
                cause: frame.causes[i]!,
                k: frame.ks[i]!,
              })),
            ),
            keys: frame.keys === undefined ? undefined : rows.map((i) => frame.keys![i]!),
            steps,
            prev: { cause: part.thru.cause - 1, k: ALL },
            thru: last === frame.values.length - 1 ? frame.thru : { cause: part.thru.cause, k: ALL },
          };
          expect(encodeMessage(alone).length).toBeGreaterThan(limit);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('a step behind a part’s last record opens the next part, so that no part is ahead of its records', () => {
    const rows = [0, 1, 2, 3].map((cause) => ({ value: 'x'.repeat(100), cause, time: cause }));
    const parts = splitToFit(frameOf(EDGE, rows, { steps: [2, 50, 4, 99] }), 400);
    expect(parts.map(({ frame }) => [frame.causes, frame.steps])).toEqual([
      [[0, 1], []],
      [
        [2, 3],
        [0, 50, 2, 99],
      ],
    ]);
  });

  it('refuses a record that alone is too long', () => {
    const frame = frameOf(EDGE, [{ value: 'x'.repeat(1_000), cause: 1 }]);
    expect(() => splitToFit(frame, 500)).toThrow(/a record of \d+ bytes is longer than the 500 bytes/);
  });
});
