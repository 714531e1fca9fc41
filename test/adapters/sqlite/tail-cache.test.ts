import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TailCache } from '../../../lib/adapters/sqlite/tail-cache.ts';
import type { WallTime } from '../../../lib/model/index.ts';

const message = (offset: number) =>
  ({ offset, time: 0 as WallTime, message: { kind: 'tick', run: 'r', time: offset } }) as const;

describe('the tail cache', () => {
  it('keeps the newest messages within both limits, whatever is trimmed between', () => {
    const action = fc.oneof(
      {
        weight: 3,
        arbitrary: fc.record({ add: fc.integer({ min: 0, max: 2 }), bytes: fc.integer({ min: 0, max: 40 }) }),
      },
      fc.record({ trim: fc.integer({ min: 0, max: 2 }), keep: fc.integer({ min: 0, max: 5 }) }),
    );
    fc.assert(
      fc.property(fc.array(action, { maxLength: 200 }), (actions) => {
        const cache = new TailCache({ messages: 8, bytes: 100 });
        const next = [0, 0, 0];
        const trimmed = [0, 0, 0];
        for (const done of actions) {
          if ('add' in done) cache.add(done.add, message(next[done.add]!++), done.bytes);
          else {
            const before = Math.max(trimmed[done.trim]!, next[done.trim]! - done.keep);
            cache.trim(done.trim, before);
            trimmed[done.trim] = before;
          }
          let kept = 0;
          let bytes = 0;
          for (const partition of [0, 1, 2]) {
            const found = offsets(cache, partition, next[partition]!);
            kept += found.length;
            for (const offset of found) bytes += cache.get(partition, offset)!.bytes;
            expect(found).toEqual(found.map((_, i) => next[partition]! - found.length + i));
            expect(found.every((offset) => offset >= trimmed[partition]!)).toBe(true);
          }
          expect(kept).toBeLessThanOrEqual(8);
          expect(bytes).toBe(cache.bytes);
          expect(bytes).toBeLessThanOrEqual(100);
        }
      }),
    );
  });

  it('keeps as much as its limits allow', () => {
    const cache = new TailCache({ messages: 3, bytes: 100 });
    for (let n = 0; n < 5_000; n++) cache.add(0, message(n), 10);
    expect(offsets(cache, 0, 5_000)).toEqual([4_997, 4_998, 4_999]);
    cache.add(0, message(5_000), 95);
    expect(offsets(cache, 0, 5_001)).toEqual([5_000]);
    cache.clear();
    expect(offsets(cache, 0, 5_001)).toEqual([]);
    expect(cache.bytes).toBe(0);
  });
});

function offsets(cache: TailCache, partition: number, end: number): number[] {
  return Array.from({ length: end }, (_, offset) => offset).filter(
    (offset) => cache.get(partition, offset) !== undefined,
  );
}
