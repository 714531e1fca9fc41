import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_EVENT_TIME, MAX_TIME, MIN_TIME } from '../../lib/model/index.ts';
import { bucket, controlGridOf, nextBoundary, saidOf } from '../../lib/protocol/index.ts';

const grid = fc.integer({ min: 1, max: 86_400_000 });
const time = fc.integer({ min: -1_000_000, max: MAX_EVENT_TIME });

describe('grids of steps', () => {
  it('step at the end of a window less one millisecond, since windows fire there', () => {
    expect([bucket(59_998, 60_000), bucket(59_999, 60_000), bucket(119_998, 60_000)]).toEqual([0, 1, 1]);
    expect(nextBoundary(0, 60_000)).toBe(59_999);
    expect(nextBoundary(59_999, 60_000)).toBe(119_999);
    expect(nextBoundary(-60_001, 60_000)).toBe(-1);
  });

  it('grow at the next boundary and not before', () => {
    fc.assert(
      fc.property(time, grid, (watermark, g) => {
        const next = nextBoundary(watermark, g);
        expect(next).toBeGreaterThan(watermark);
        expect(bucket(next, g)).toBe(bucket(watermark, g) + 1);
        expect(bucket(next - 1, g)).toBe(bucket(watermark, g));
      }),
    );
  });

  it('grow with the first watermark and with the end of input, whatever the grid', () => {
    for (const g of [1, 60_000, 7 * 86_400_000, Number.POSITIVE_INFINITY]) {
      expect(bucket(MIN_TIME + 1, g)).toBeGreaterThan(bucket(MIN_TIME, g));
      expect(bucket(MAX_TIME, g)).toBeGreaterThan(bucket(MAX_TIME - 1, g));
      expect(nextBoundary(MIN_TIME, g)).toBe(MIN_TIME + 1);
      expect(nextBoundary(MAX_TIME - 1, g)).toBe(MAX_TIME);
      expect(nextBoundary(MAX_TIME, g)).toBe(Number.POSITIVE_INFINITY);
    }
  });
});

describe('what an edge has said of a watermark', () => {
  it('is at most the watermark, in the same cell', () => {
    fc.assert(
      fc.property(time, grid, (watermark, g) => {
        const said = saidOf(watermark, g);
        expect(said).toBeLessThanOrEqual(watermark);
        expect(bucket(said, g)).toBe(bucket(watermark, g));
        expect(saidOf(said, g)).toBe(said);
      }),
    );
  });

  it('is the second behind free timers, nothing but the end where nobody asks', () => {
    expect(saidOf(12_345, controlGridOf('every'))).toBe(11_999);
    expect(saidOf(12_345, controlGridOf('none'))).toBe(MIN_TIME);
    expect(saidOf(MAX_TIME, controlGridOf('none'))).toBe(MAX_TIME);
    expect(saidOf(MIN_TIME, controlGridOf(60_000))).toBe(MIN_TIME);
  });
});
