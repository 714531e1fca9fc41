import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Claimant, type Dealt, shareOut } from '../../../lib/adapters/kafka/share-out.ts';

const tasks = (stage: string, n: number): string[] => Array.from({ length: n }, (_, p) => `${stage}/${p}`);

type Member = Omit<Claimant, 'items'> & Partial<Pick<Claimant, 'items'>>;

const member = (id: string, owned: readonly string[] = [], more: Partial<Claimant> = {}): Member => ({
  ...{ id, generation: 1, owned, warm: [] },
  ...more,
});

/** Members know all items, unless they say which. */
const shared = (items: readonly string[], members: readonly Member[], copies: number): ReadonlyMap<string, Dealt> =>
  shareOut(
    members.map((each) => ({ items, ...each })),
    copies,
  );

/** What each has once all have let go of what they must, and said so. */
function settled(items: readonly string[], members: readonly Member[], copies = 0): ReadonlyMap<string, Dealt> {
  let dealt = shared(items, members, copies);
  for (let round = 0; round < 2; round++) {
    const now = members.map((each) => ({ ...each, owned: dealt.get(each.id)!.own, generation: 9 }));
    dealt = shared(items, now, copies);
  }
  return dealt;
}

const all = (dealt: ReadonlyMap<string, Dealt>): string[] => [...dealt.values()].flatMap(({ own }) => own).sort();
const sizes = (dealt: ReadonlyMap<string, Dealt>): number[] => [...dealt.values()].map(({ own }) => own.length);
const ofStage = ({ own }: Dealt, stage: string): number => own.filter((item) => item.startsWith(`${stage}/`)).length;

describe('a share', () => {
  const items = fc
    .uniqueArray(fc.tuple(fc.constantFrom('in', 'join', 'count', '(pump)'), fc.nat(9)))
    .map((list) => [...new Set(list.map(([stage, p]) => (stage === '(pump)' ? stage : `${stage}/${p}`)))]);
  const group = items.chain((all) =>
    fc.record({
      items: fc.constant(all),
      members: fc
        .array(fc.record({ owned: fc.subarray([...all, 'gone/0']), warm: fc.subarray(all), generation: fc.nat(3) }), {
          minLength: 1,
          maxLength: 5,
        })
        .map((list) => list.map((each, i) => ({ id: `m${i}`, ...each }))),
    }),
  );

  it('is fair, and every item is one member’s once all have let go of what moves', () => {
    fc.assert(
      fc.property(group, ({ items, members }) => {
        const dealt = settled(items, members);
        expect(all(dealt)).toEqual([...items].sort());
        expect(Math.max(...sizes(dealt)) - Math.min(...sizes(dealt))).toBeLessThanOrEqual(1);
      }),
    );
  });

  it('gives no item to one while another that lives has it', () => {
    fc.assert(
      fc.property(group, ({ items, members }) => {
        const dealt = shared(items, members, 1);
        for (const item of items) {
          const claimants = members.filter(({ owned }) => owned.includes(item));
          const latest = Math.max(...claimants.map(({ generation }) => generation));
          const given = [...dealt].filter(([, { own }]) => own.includes(item)).map(([id]) => id);
          expect(given.length).toBeLessThanOrEqual(1);
          if (claimants.length > 0 && given.length > 0) {
            expect(members.find(({ id }) => id === given[0])).toMatchObject({ generation: latest });
          }
        }
      }),
    );
  });

  it('is the same whoever decides, in whatever order the members are told', () => {
    fc.assert(
      fc.property(group, ({ items, members }) => {
        const [one, other] = [shared(items, members, 1), shared(items, [...members].reverse(), 1)];
        expect(new Map([...one].sort())).toEqual(new Map([...other].sort()));
      }),
    );
  });

  it('does not change while nothing has', () => {
    fc.assert(
      fc.property(group, ({ items, members }) => {
        const dealt = settled(items, members);
        const now = members.map((each) => ({ ...each, owned: dealt.get(each.id)!.own, generation: 9 }));
        const again = shared(items, now, 0);
        for (const [id, { own }] of again) expect([...own].sort()).toEqual([...dealt.get(id)!.own].sort());
      }),
    );
  });

  it('has as many tasks of each stage as the others’', () => {
    const items = ['(pump)', ...tasks('in', 4), ...tasks('count', 8)];
    for (const share of settled(items, [member('a'), member('b')]).values()) {
      expect([ofStage(share, 'in'), ofStage(share, 'count')]).toEqual([2, 4]);
    }
  });

  it('moves only what a newcomer gets', () => {
    const before = settled(tasks('count', 9), [member('a'), member('b')]);
    const members = [...before].map(([id, { own }]) => member(id, own));
    const after = settled(tasks('count', 9), [...members, member('c')]);
    expect(sizes(after)).toEqual([3, 3, 3]);
    for (const id of ['a', 'b']) expect(before.get(id)!.own).toEqual(expect.arrayContaining([...after.get(id)!.own]));
  });

  it('of one that is gone goes to those who have its states in memory', () => {
    const [left, gone] = [tasks('count', 4), ['count/4', 'count/5', 'count/6', 'count/7']];
    const a = member('a', left.slice(0, 2), { warm: ['count/6', 'count/7'] });
    const b = member('b', left.slice(2), { warm: ['count/4', 'count/5'] });
    const dealt = shared([...left, ...gone], [a, b], 0);
    expect(dealt.get('a')!.own).toEqual([...a.owned, 'count/6', 'count/7']);
    expect(dealt.get('b')!.own).toEqual([...b.owned, 'count/4', 'count/5']);
  });

  it('of one that slept is void where another has been given it since', () => {
    const awake = member('b', tasks('count', 4), { generation: 7 });
    const dealt = shared(tasks('count', 4), [member('a', tasks('count', 4), { generation: 5 }), awake], 0);
    expect(dealt.get('a')!.own).toEqual([]);
    expect(dealt.get('b')!.own).toHaveLength(2);
  });
});

describe('members that know other items', () => {
  it('get nothing that they do not know, and the others make up for what they cannot do', () => {
    const common = tasks('count', 8);
    const old = member('old', [], { items: [...common, 'in/0@0', 'in/1@0'] });
    const fresh = member('fresh', [], { items: [...common, 'in/0@1', 'in/1@1', 'in/2@1', 'in/3@1'] });
    const dealt = settled([], [old, fresh]);
    expect(
      dealt
        .get('old')!
        .own.filter((item) => item.includes('@'))
        .sort(),
    ).toEqual(['in/0@0', 'in/1@0']);
    expect(dealt.get('fresh')!.own.filter((item) => item.includes('@'))).toHaveLength(4);
    expect(sizes(dealt)).toEqual([7, 7]);
    expect(all(dealt)).toHaveLength(14);
  });

  it('lose what they do not know any more, at once', () => {
    const dealt = shared([], [member('a', ['x/0'], { items: ['y/0'] }), member('b', [], { items: ['x/0', 'y/0'] })], 0);
    expect(dealt.get('a')!.own).toEqual(['y/0']);
    expect(dealt.get('b')!.own).toEqual(['x/0']);
  });
});

describe('copies', () => {
  it('are others’ tasks, each at as many members as asked for, evenly', () => {
    const dealt = settled(['(pump)', ...tasks('count', 9)], [member('a'), member('b'), member('c')], 1);
    for (const { own, copies } of dealt.values()) {
      expect(copies).toHaveLength(3);
      expect(copies.filter((item) => own.includes(item))).toEqual([]);
    }
    expect([...dealt.values()].flatMap(({ copies }) => copies).sort()).toEqual(tasks('count', 9));
  });

  it('are none where there is nobody else', () => {
    expect(shared(tasks('count', 2), [member('a')], 2).get('a')).toEqual({ own: tasks('count', 2), copies: [] });
  });
});
