import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { OffsetQueue } from '../../../lib/adapters/memory/offset-queue.ts';

describe('the queue by offset', () => {
  it('holds what a plain list holds, however it is added to and trimmed', () => {
    const action = fc.oneof(
      fc.record({ add: fc.integer({ min: 1, max: 3_000 }) }),
      fc.record({ trim: fc.integer({ min: -10, max: 30_000 }) }),
    );
    fc.assert(
      fc.property(fc.array(action, { maxLength: 15 }), (actions) => {
        const queue = new OffsetQueue<number>();
        let start = 0;
        let end = 0;
        for (const done of actions) {
          if ('add' in done) for (let i = 0; i < done.add; i++) queue.push(end++ * 2);
          else {
            queue.trim(done.trim);
            start = Math.max(start, Math.min(done.trim, end));
          }
          expect([queue.start, queue.end]).toEqual([start, end]);
          for (const offset of [start - 1, start, start + 1, Math.floor((start + end) / 2), end - 1, end]) {
            expect(queue.at(offset)).toBe(offset >= start && offset < end ? offset * 2 : undefined);
          }
        }
      }),
      { numRuns: 50 },
    );
  });

  it('lets go of what is trimmed, so that it can be collected', async () => {
    const queue = new OffsetQueue<object>();
    let first: object | undefined = { large: true };
    const watched = new WeakRef(first);
    queue.push(first);
    queue.push({});
    first = undefined;
    queue.trim(1);
    const gc = globalThis.gc;
    if (gc === undefined) return;
    await new Promise((resolve) => setTimeout(resolve, 0));
    gc();
    expect(watched.deref()).toBeUndefined();
  });

  it('stays quick over many passes', () => {
    const queue = new OffsetQueue<number>();
    for (let n = 0; n < 300_000; n++) {
      queue.push(n);
      queue.trim(n - 3);
    }
    expect(queue.at(299_999)).toBe(299_999);
    expect(queue.start).toBe(299_996);
  });
});
