import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chainOf, expectedInSlot, slotOf, slotsUsed } from '../../lib/protocol/index.ts';
import { headOf } from './commit-head.ts';

const commit = (version: number, covered?: number) => ({
  header: headOf({
    version,
    snapshot: covered === undefined ? undefined : { version: covered, name: `s${covered}`, base: 0 },
  }),
});

describe('the chain of commits', () => {
  it('is none without commits', () => {
    expect(chainOf([])).toEqual({ kind: 'none' });
  });

  it("begins after the newest commit's snapshot, or at birth", () => {
    const [a, b, c] = [commit(0), commit(1), commit(2)];
    expect(chainOf([c, a, b])).toEqual({ kind: 'complete', newest: c, chain: [a, b, c] });
    const covered = commit(3, 1);
    expect(chainOf([a, covered, c, b])).toEqual({ kind: 'complete', newest: covered, chain: [c, covered] });
  });

  it('is empty where the snapshot holds the newest version', () => {
    const newest = commit(4, 4);
    expect(chainOf([newest])).toEqual({ kind: 'complete', newest, chain: [] });
  });

  it('2: is not believed while a commit between snapshot and newest is missing', () => {
    const newest = commit(5, 1);
    expect(chainOf([commit(2), newest, commit(4)])).toEqual({ kind: 'incomplete', newest, missing: [3] });
    expect(chainOf([commit(2)])).toMatchObject({ kind: 'incomplete', missing: [0, 1] });
  });

  it('2: stays complete in a ring of slots as long as a snapshot covers what is overwritten', () => {
    const N = 8;
    fc.assert(
      fc.property(fc.array(fc.nat(10), { minLength: 1, maxLength: 60 }), (delays) => {
        const slots = new Map<number, ReturnType<typeof commit>>();
        let covered: number | undefined;
        delays.forEach((delay, version) => {
          const newest = slots.get(slotOf(version - 1 + N, N));
          if (newest !== undefined && (slotsUsed(newest.header) >= N || delay === 0)) covered = version - 1;
          const slot = slotOf(version, N);
          expect(slots.get(slot)?.header.version ?? 'absent').toBe(expectedInSlot(version, N));
          slots.set(slot, commit(version, covered));
          expect(chainOf([...slots.values()])).toMatchObject({ kind: 'complete', newest: { header: { version } } });
        });
      }),
    );
  });
});
