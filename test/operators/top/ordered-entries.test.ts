import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { OrderedEntries } from '../../../lib/operators/top/ordered-entries.ts';
import { sameValue } from '../../../lib/operators/top/same-value.ts';
import { comparison } from '../../../lib/operators/top/sort-key.ts';
import { KeyedStore } from '../../../lib/state/index.ts';
import { SeededRandom } from '../../../lib/testing/index.ts';

const N = 7;

function opened() {
  const store = new KeyedStore();
  const context = { table: store.table.bind(store) } as unknown as ConstructorParameters<typeof OrderedEntries>[0];
  const order = new OrderedEntries(context, 'order', comparison('ascending'), N);
  return { store, order, nodes: store.tables[0]! };
}

interface Entry {
  readonly rank: number;
  readonly id: number;
  readonly row: string;
}

const sorted = (entries: Iterable<Entry>) => [...entries].sort((a, b) => a.rank - b.rank || a.id - b.id);

/** Few ranks, so that many are equal; more steps in than out, or the other way round, so that trees grow tall and fall. */
const step = fc.record({ rank: fc.integer({ min: 0, max: 20 }), id: fc.integer({ min: 0, max: 400 }), out: fc.nat(9) });
const phases = fc.array(fc.tuple(fc.integer({ min: 1, max: 9 }), fc.array(step, { maxLength: 250 })), { maxLength: 4 });

describe('ordered entries', () => {
  it('are what a sorted list is, whatever comes and goes', () => {
    fc.assert(
      fc.property(phases, fc.boolean(), (given, undoing) => {
        const { store, order, nodes } = opened();
        const entries = new Map<number, Entry>();
        for (const [share, steps] of given) {
          for (const { rank, id, out } of steps) {
            const kept = new Map(entries);
            const mark = store.mark();
            for (const again of undoing ? [true, false] : [false]) {
              order.of('g');
              const all = sorted(entries.values());
              const had = entries.get(id);
              if (had !== undefined) {
                expect(order.find(id, had.rank)).toEqual({ rank: had.rank, row: had.row });
                expect(order.find(id, had.rank + 1)).toEqual({ rank: had.rank, row: had.row });
                const place = all.indexOf(had);
                expect(order.placeOf(had.rank, id)).toBe(place < N ? place : -1);
                order.remove(had.rank, id);
                entries.delete(id);
              }
              if (had === undefined || out >= share) {
                const entry = { rank, id, row: `${id} at ${rank}` };
                entries.set(id, entry);
                const place = sorted(entries.values()).indexOf(entry);
                expect(order.insert(rank, id, 'first')).toBe(place < N ? place : -1);
                order.replace(rank, id, entry.row);
              }
              const now = sorted(entries.values()).slice(0, N);
              expect(order.rows()).toEqual(now.map(({ row }) => row));
              expect(order.ids()).toEqual(now.map((entry) => entry.id));
              if (!again) continue;
              store.rollback(mark);
              entries.clear();
              for (const [each, entry] of kept) entries.set(each, entry);
            }
            store.clear();
          }
        }
        expect(nodes.size).toBeLessThanOrEqual(Math.max(1, entries.size));
        order.of('g');
        for (const { rank, id } of entries.values()) order.remove(rank, id);
        expect(nodes.size).toBe(0);
      }),
      { numRuns: 40 },
    );
  });

  it('are right in trees of several storeys that grow and fall, also after undoing', () => {
    const random = new SeededRandom(9);
    const { store, order, nodes } = opened();
    const entries = new Map<number, Entry>();
    let next = 0;
    const twice = (step: () => void): void => {
      const mark = store.mark();
      order.of('g');
      step();
      store.rollback(mark);
      order.of('g');
      step();
      store.clear();
    };
    const put = (rank: number): void => {
      const id = next++;
      twice(() => order.insert(rank, id, `${id}`));
      entries.set(id, { rank, id, row: `${id}` });
    };
    const remove = ({ rank, id, row }: Entry): void => {
      order.of('g');
      expect(order.find(id, rank)).toEqual({ rank, row });
      twice(() => order.remove(rank, id));
      entries.delete(id);
    };
    const check = (): void => {
      const first = sorted(entries.values()).slice(0, N);
      expect(order.of('g').ids()).toEqual(first.map(({ id }) => id));
      const sizes = [...nodes.cells()].map(({ value }) => (value as { items: unknown[] }).items.length);
      expect(Math.max(0, ...sizes)).toBeLessThanOrEqual(19);
      expect(nodes.size).toBeLessThanOrEqual(Math.max(1, entries.size / 2));
    };
    for (let i = 0; i < 1_200; i++) put(random.below(10_000));
    // Whole leaves go, and a few entries come where they were, so that bounds and what stands behind them drift apart.
    for (let round = 0; round < 250; round++) {
      const from = random.below(10_000);
      const to = from + random.below(600);
      for (const entry of sorted(entries.values())) if (entry.rank >= from && entry.rank < to) remove(entry);
      for (let n = random.below(round < 120 ? 50 : 12); n > 0; n--) put(from + random.below(to - from + 1));
      check();
    }
    for (let i = 0; i < 1_200; i++) put(random.below(10_000));
    const left = [...entries.values()];
    while (left.length > 100) remove(left.splice(random.below(left.length), 1)[0]!);
    expect(nodes.size).toBeLessThan(40);
    while (left.length > 1) remove(left.pop()!);
    expect(nodes.size).toBe(1);
    remove(left[0]!);
    expect(nodes.size).toBe(0);
  });

  it('write few nodes for a change of a large group', () => {
    const { store, order } = opened();
    order.of('g');
    for (let i = 0; i < 20_000; i++) order.insert((i * 7_919) % 20_000, i, { row: i });
    store.clear();
    let most = 0;
    for (let i = 20_000; i < 20_500; i++) {
      order.of('g');
      order.insert((i * 7_919) % 20_000, i, { row: i });
      order.remove(((i - 20_000) * 7_919) % 20_000, i - 20_000);
      const rows = store.changes().map(({ value }) => (value as { items: unknown[] }).items.length);
      most = Math.max(
        most,
        rows.reduce((sum, n) => sum + n, 0),
      );
      store.clear();
    }
    expect(most).toBeLessThan(150);
  });

  it('keep groups apart', () => {
    const { order } = opened();
    order.of('a').insert(1, 'x', 'a');
    order.of('b').insert(2, 'y', 'b');
    expect(order.of('a').rows()).toEqual(['a']);
    expect(order.of('b').rows()).toEqual(['b']);
    expect(order.of('c').rows()).toEqual([]);
  });
});

describe('the same value', () => {
  it('is one that says the same', () => {
    const time = new Date(5);
    const value = () => ({
      a: [1, 'x', null, undefined, 2n, Number.NaN],
      t: new Date(5),
      m: new Map([['k', new Set([1])]]),
      b: Uint8Array.of(1, 2),
    });
    expect(sameValue(value(), value())).toBe(true);
    expect(sameValue({ x: 1, y: 2 }, { y: 2, x: 1 })).toBe(true);
    const others: [unknown, unknown][] = [
      [{ x: 1 }, { x: 1, y: undefined }],
      [{ y: undefined }, { x: undefined }],
      [[1, 2], [1]],
      [[], {}],
      [null, undefined],
      [null, {}],
      [time, new Date(6)],
      [new Map([[1, 2]]), new Map([[1, 3]])],
      [new Set([1]), new Set([2])],
      [Uint8Array.of(1), Uint8Array.of(2)],
      [Uint8Array.of(1), Uint16Array.of(1)],
      ['1', 1],
    ];
    for (const [a, b] of others) expect(sameValue(a, b)).toBe(false);
  });
});
