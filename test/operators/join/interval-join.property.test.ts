import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_TIME } from '../../../lib/model/index.ts';
import { intervalJoinOperator, type JoinKind } from '../../../lib/operators/index.ts';
import { Harness } from '../harness.ts';
import { type Happening, intervalReference, type PlainJoin } from './interval-reference.ts';

const KINDS: readonly JoinKind[] = ['inner', 'left', 'right', 'outer'];

interface Script extends PlainJoin {
  readonly happenings: readonly Happening[];
  /** Steps that are done, undone, and done again. */
  readonly again: readonly boolean[];
}

const script: fc.Arbitrary<Script> = fc
  .record({
    kind: fc.constantFrom(...KINDS),
    lower: fc.integer({ min: -12, max: 8 }),
    width: fc.oneof(fc.constant(0), fc.nat(14)),
    allowed: fc.oneof(fc.constant(0), fc.nat(6)),
    keys: fc.constantFrom(1, 3),
    steps: fc.array(
      fc.record({
        what: fc.constantFrom('left', 'left', 'right', 'right', 'both', 'watermark', 'repeat'),
        key: fc.nat(2),
        ahead: fc.integer({ min: -14, max: 8 }),
        again: fc.boolean(),
      }),
      { maxLength: 120, size: 'max' },
    ),
  })
  .map(({ lower, width, kind, allowed, keys, steps }) => {
    const happenings: Happening[] = [];
    const again: boolean[] = [];
    let now = 0;
    let id = 0;
    steps.forEach((step, i) => {
      const key = `k${step.key % keys}`;
      const time = now + step.ahead;
      const inputs = step.what === 'left' ? [0] : step.what === 'right' ? [1] : step.what === 'both' ? [0, 1] : [];
      for (const input of inputs) happenings.push({ input: input as 0 | 1, id: id++, key, time });
      const last = happenings.findLast((happening) => 'input' in happening);
      if (step.what === 'repeat' && last !== undefined && 'input' in last) happenings.push({ ...last, id: id++ });
      if (step.what === 'watermark') {
        now += Math.max(0, step.ahead);
        happenings.push({ watermark: now });
      } else if (i % 3 === 0) now++;
      while (again.length < happenings.length) again.push(step.again);
    });
    happenings.push({ watermark: MAX_TIME });
    again.push(false);
    return { kind, lower, upper: lower + width, allowed, happenings, again };
  });

function run({ kind, lower, upper, allowed, happenings, again }: Script, upTo = happenings.length) {
  const harness = new Harness(
    intervalJoinOperator({
      ...{ kind, lower, upper, allowedLateness: allowed, lateLeft: 'late', lateRight: 'late' },
      join: (left: number | undefined, right: number | undefined) => ({ left, right }),
    }),
  );
  const apply = (happening: Happening): void => {
    if ('watermark' in happening) harness.advance(happening.watermark);
    else harness.record(happening.id, happening.time, happening.key, happening.input);
  };
  happenings.slice(0, upTo).forEach((happening, i) => {
    if (again[i]) {
      const moment = harness.mark();
      apply(happening);
      harness.rollback(moment);
    }
    apply(happening);
  });
  const results = harness.emitted().map(({ value, time, key }) => ({ ...(value as object), time, key }));
  const held = [...harness.store.tables].reduce(
    (sum, table) => sum + [...table.cells()].reduce((n, cell) => n + (cell.value as { values: [] }).values.length, 0),
    0,
  );
  return { results, late: harness.values<number>('late'), held, counted: harness.count('late') };
}

describe('an interval join', () => {
  it('gives what a comparison of all records gives, in the same order, also after undoing', () => {
    fc.assert(
      fc.property(script, (given) => {
        const plain = intervalReference(given.happenings, given);
        const { results, late, held, counted } = run(given);
        expect(results).toEqual(plain.results);
        expect(late).toEqual(plain.late);
        expect(counted).toBe(plain.late.length);
        expect(held).toBe(0);
      }),
      { numRuns: 400 },
    );
  });

  it('holds exactly the records for which a match can still come', () => {
    fc.assert(
      fc.property(script, fc.nat(120), (given, at) => {
        const upTo = Math.min(at, given.happenings.length);
        const { waiting } = intervalReference(given.happenings.slice(0, upTo), given);
        expect(run(given, upTo).held).toBe(waiting);
      }),
      { numRuns: 200 },
    );
  });

  it('emits each unmatched record once, never before the last moment at which a match could come', () => {
    fc.assert(
      fc.property(script, (given) => {
        const { results } = run({ ...given, kind: 'outer' });
        const matched = new Set<number>();
        const alone = new Set<number>();
        for (const { left, right } of results as unknown as { left?: number; right?: number }[]) {
          const both = left !== undefined && right !== undefined;
          for (const id of [left, right]) {
            if (id === undefined) continue;
            expect(alone.has(id)).toBe(false);
            if (both) matched.add(id);
            else {
              expect(matched.has(id)).toBe(false);
              alone.add(id);
            }
          }
        }
        const records = given.happenings.filter((happening) => 'input' in happening).length;
        expect(matched.size + alone.size + run({ ...given, kind: 'outer' }).late.length).toBe(records);
      }),
      { numRuns: 100 },
    );
  });
});
