import { describe, expect, test } from 'vitest';
import { compile, type Plan, type PlanFault } from '../../lib/plan/index.ts';
import { type DraftWriter, draftOf } from './draft-writer.ts';

type Write = (w: DraftWriter) => void;
const planOf = (write: Write, fusing: 'all' | 'none' = 'all'): Plan => compile(draftOf(write, { fusing })).plan;
const rulesOf = (write: Write): readonly string[] => {
  try {
    planOf(write);
    return [];
  } catch (error) {
    return ((error as Error).cause as PlanFault[]).map(({ operator, rule }) => `${operator}: ${rule}`);
  }
};

const JOIN = { type: 'interval-join', needsKey: true, needs: ['key', 'key'], stateful: true } as const;
const RULES = { type: 'process', needsKey: true, needs: ['key', 'broadcast'], stateful: true } as const;
const wiring = ({ edges }: Plan) =>
  edges.map(({ from, to, partitioning, wires }) => [from, to, partitioning, wires.map(({ input }) => input)]);

describe('an operator with two inputs', () => {
  test('has a stage of its own, to which both inputs come by their keys', () => {
    const plan = planOf((w) => {
      const left = w.keyBy('by-order', w.source('orders'), { parallelism: 2 });
      const right = w.keyBy('by-payment', w.source('payments'), { parallelism: 6 });
      w.sink('s', w.operator('paid', [left, right], JOIN));
    });
    expect(plan.stages.map(({ id, partitions }) => [id, partitions])).toContainEqual(['paid', 6]);
    expect(wiring(plan)).toEqual([
      ['orders', 'paid', { kind: 'key', keyBy: 'by-order' }, [0]],
      ['payments', 'paid', { kind: 'key', keyBy: 'by-payment' }, [1]],
    ]);
  });

  test('gets both inputs through one edge where both are the same stream', () => {
    const plan = planOf((w) => {
      const stream = w.keyBy('k', w.source('a'));
      w.sink('s', w.operator('j', [stream, stream], JOIN));
    });
    expect(wiring(plan)).toEqual([['a', 'j', { kind: 'key', keyBy: 'k' }, [0, 1]]]);
  });

  test('sorts an input anew, by the key it carries, that comes from a stage of fewer tasks', () => {
    const write: Write = (w) => {
      const filter = w.operator('f', w.keyBy('k', w.source('a'), { parallelism: 2 }), {
        type: 'filter',
        keepsKey: true,
      });
      const right = w.keyBy('r', w.source('b'), { parallelism: 5 });
      w.sink('s', w.operator('j', [filter, right], JOIN));
    };
    const plan = planOf(write);
    expect(plan.edges.find(({ from }) => from === 'f')).toMatchObject({
      partitioning: { kind: 'key' },
      carriesKey: true,
    });
    expect(plan.stages.find(({ id }) => id === 'j')?.partitions).toBe(5);
    expect(planOf(write).stages.map(({ code }) => code)).toEqual(plan.stages.map(({ code }) => code));
  });

  test('keeps an input in its partition that comes from a stage of as many tasks', () => {
    const plan = planOf((w) => {
      const filter = w.operator('f', w.keyBy('k', w.source('a')), { type: 'filter', keepsKey: true });
      w.sink('s', w.operator('j', [filter, w.keyBy('r', w.source('b'))], JOIN));
    });
    expect(plan.edges.find(({ from }) => from === 'f')?.partitioning).toEqual({ kind: 'forward' });
  });

  test('needs a key on each, and says on which it is missing', () => {
    const keyless = 'j: an interval-join needs records with a key';
    const both = (w: DraftWriter, left: number, right: number): void =>
      void w.sink('s', w.operator('j', [left, right], JOIN));
    expect(rulesOf((w) => both(w, w.source('a'), w.keyBy('k', w.source('b'))))).toEqual([
      `${keyless}: its first input has none`,
    ]);
    expect(rulesOf((w) => both(w, w.keyBy('k', w.source('a')), w.source('b')))).toEqual([
      `${keyless}: its second input has none`,
    ]);
    expect(rulesOf((w) => both(w, w.source('a'), w.source('b')))).toEqual([keyless]);
  });
});

describe('a broadcast', () => {
  test('goes to every task of the stage that it is connected to, which has as many as the other input asks for', () => {
    const plan = planOf((w) => {
      const records = w.keyBy('k', w.source('a'), { parallelism: 3 });
      const rules = w.route('broadcast', undefined, [w.source('rules')], { auto: 'broadcast' });
      w.sink('s', w.operator('p', [records, rules], RULES));
    });
    expect(wiring(plan)).toEqual([
      ['a', 'p', { kind: 'key', keyBy: 'k' }, [0]],
      ['rules', 'p', { kind: 'broadcast' }, [1]],
    ]);
    expect(plan.stages.find(({ id }) => id === 'p')?.partitions).toBe(3);
    expect(plan.nodes.find(({ id }) => id === 'p')).toMatchObject({ keyed: true });
  });

  test('is refused by what would handle each record once for each task', () => {
    const rule = 'reads broadcast-1, which brings each record to every task';
    const rules = (w: DraftWriter): number =>
      w.route('broadcast', undefined, [w.source('rules')], { auto: 'broadcast' });
    expect(rulesOf((w) => w.sink('s', rules(w)))).toEqual([`s: it ${rule}`]);
    expect(rulesOf((w) => w.sink('s', w.operator('m', rules(w))))).toEqual([`m: it ${rule}`]);
  });

  test('is asked for by an operator with rules', () => {
    const write: Write = (w) => {
      const records = w.keyBy('k', w.source('a'));
      w.sink('s', w.operator('p', [records, w.source('rules')], RULES));
    };
    expect(rulesOf(write)).toEqual(['p: the second input of a process must come to every task']);
  });
});
