import { describe, expect, test } from 'vitest';
import { compile, type Plan } from '../../lib/plan/index.ts';
import { type DraftWriter, draftOf } from './draft-writer.ts';

type Fusing = 'all' | 'none';
const planOf = (write: (w: DraftWriter) => void, fusing: Fusing = 'all'): Plan =>
  compile(draftOf(write, { fusing })).plan;

/** Stages as `id partitions: nodes`. */
const stages = ({ stages }: Plan): readonly string[] =>
  stages.map(({ id, partitions, nodes }) => `${id} ${partitions}: ${nodes.join(' ')}`.trim());

/** Edges as `from -> to kind output > wires`. */
const edges = ({ edges }: Plan): readonly string[] =>
  edges.map(({ from, to, output, wires, partitioning }) => {
    const side = output.side === undefined ? '' : `/${output.side}`;
    const route = partitioning.kind === 'key' ? partitioning.keyBy : partitioning.kind;
    return `${from} -> ${to} ${route}: ${output.node}${side} > ${wires.map((wire) => wire.to).join(' ')}`;
  });

describe('a source stage', () => {
  test('takes in what has no state, and sinks', () => {
    const plan = planOf((w) => {
      const map = w.operator('m', w.source('a'));
      w.sink('s', w.operator('f', map));
      w.sink('t', map);
    });
    expect(stages(plan)).toEqual(['a 1: m f s t']);
    expect(plan.edges).toEqual([]);
    expect(plan.local['a']).toEqual([
      { output: { node: 'a' }, wires: [{ to: 'm', input: 0 }] },
      {
        output: { node: 'm' },
        wires: [
          { to: 'f', input: 0 },
          { to: 't', input: 0 },
        ],
      },
      { output: { node: 'f' }, wires: [{ to: 's', input: 0 }] },
    ]);
    expect(plan.stages[0]).toMatchObject({ source: 'a', topic: 'a' });
  });

  test.each([{ stateful: true }, { eventTime: true }, { processingTime: true }])(
    'does not take in what has %j, which gets a stage behind a forward exchange',
    (given) => {
      const plan = planOf((w) => w.sink('s', w.operator('p', w.source('a', { partitions: 3 }), given)));
      expect(stages(plan)).toEqual(['a 3:', 'p 3: p s']);
      expect(edges(plan)).toEqual(['a -> p forward: a > p']);
    },
  );

  test('whose number of partitions is not known leads to as many tasks as the pipeline has', () => {
    const plan = planOf((w) => {
      w.sink('s', w.operator('p', w.source('a', { partitions: undefined }), { stateful: true }));
    });
    expect(stages(plan)).toEqual(['a 1:', 'p 4: p s']);
  });
});

describe('a key-by', () => {
  test('leads to one stage with everything behind it up to the next exchange', () => {
    const plan = planOf((w) => {
      const keyed = w.keyBy('k', w.operator('m', w.source('a')));
      const window = w.window('w', keyed);
      w.sink('s', w.operator('n', window));
      w.sink('t', w.window('v', keyed));
      w.sink('u', w.window('x', w.keyBy('l', window)));
    });
    expect(stages(plan)).toEqual(['a 1: m', 'w 4: w n s v t', 'x 4: x u']);
    expect(edges(plan)).toEqual(['a -> w k: m > w v', 'w -> x l: w > x']);
    expect(plan.stages[1]?.topic).toBe('test.w');
  });

  test('has its own number of tasks where one is given', () => {
    const plan = planOf((w) => w.sink('s', w.window('w', w.keyBy('k', w.source('a'), { parallelism: 7 }))));
    expect(stages(plan)).toEqual(['a 1:', 'w 7: w s']);
  });

  test('of one output twice leads to two edges and two stages', () => {
    const plan = planOf((w) => {
      const a = w.source('a');
      for (const n of ['1', '2']) w.sink(`s${n}`, w.window(`w${n}`, w.keyBy(`k${n}`, a)));
    });
    expect(edges(plan)).toEqual(['a -> w1 k1: a > w1', 'a -> w2 k2: a > w2']);
    expect(plan.edges.map((edge) => edge.id)).toEqual(['a--w1', 'a--w2']);
  });

  test('directly behind another replaces it', () => {
    const plan = planOf((w) => w.sink('s', w.window('w', w.keyBy('l', w.keyBy('k', w.source('a'))))));
    expect(edges(plan)).toEqual(['a -> w l: a > w']);
  });

  test('of a union has an edge from every stage and output in it, each with its own name', () => {
    const plan = planOf((w) => {
      const [a, b] = [w.source('a'), w.source('b')];
      const split = w.operator('split', b, { sides: ['x'] });
      const united = w.route('union', 'u', [w.operator('m', a), split, { node: split, side: 'x' }]);
      w.sink('s', w.window('w', w.keyBy('k', united)));
    });
    expect(edges(plan)).toEqual(['a -> w k: m > w', 'b -> w k: split > w', 'b -> w k: split/x > w']);
    expect(plan.edges.map((edge) => edge.id)).toEqual(['a--w', 'b--w--split--k', 'b--w--split.x--k']);
    expect(plan.nodes.find((node) => node.id === 'split')?.sides).toEqual(['x']);
  });

  test('keeps the key of what goes on to another stage without a new one', () => {
    const plan = planOf((w) => {
      const filter = w.operator('f', w.keyBy('k', w.source('a')), { keepsKey: true, fuse: false });
      w.sink('s', w.window('w', filter));
    });
    expect(edges(plan)).toEqual(['a -> f k: a > f', 'f -> w forward: f > w']);
    expect(plan.edges.map((edge) => edge.carriesKey)).toEqual([undefined, true]);
  });
});

describe('a union', () => {
  test('inside one stage stays there', () => {
    const plan = planOf((w) => {
      const a = w.source('a');
      const united = w.route('union', 'u', [w.operator('m', a), w.operator('n', a)]);
      w.sink('s', w.operator('o', united));
    });
    expect(stages(plan)).toEqual(['a 1: m n o s']);
    expect(plan.local['a']?.filter(({ wires }) => wires.some(({ to }) => to === 'o'))).toHaveLength(2);
  });

  test('of several stages without a key-by begins a stage with forward exchanges, as many tasks as the largest has', () => {
    const plan = planOf((w) => {
      const united = w.route('union', 'u', [w.source('a', { partitions: 2 }), w.source('b', { partitions: 3 })]);
      w.sink('s', w.operator('m', united));
    });
    expect(stages(plan)).toEqual(['a 2:', 'b 3:', 'm 3: m s']);
    expect(edges(plan)).toEqual(['a -> m forward: a > m', 'b -> m forward: b > m']);
  });

  test('of streams by different keys begins a stage with an edge of each', () => {
    const plan = planOf((w) => {
      const a = w.source('a');
      const united = w.route('union', 'u', [w.keyBy('k', a), w.keyBy('l', a)]);
      w.sink('s', w.operator('m', united));
    });
    expect(edges(plan)).toEqual(['a -> m k: a > m', 'a -> m l: a > m']);
    expect(new Set(plan.edges.map((edge) => edge.id)).size).toBe(2);
  });

  test('of a stream with itself delivers each record twice', () => {
    const plan = planOf((w) => {
      const a = w.source('a');
      w.sink('s', w.route('union', 'u', [a, a]));
    });
    expect(plan.local['a']?.[0]?.wires).toHaveLength(2);
  });

  test('of what came by a key and what was made of it behind the key stays in that stage', () => {
    const plan = planOf((w) => {
      const keyed = w.keyBy('k', w.source('a'));
      const united = w.route('union', 'u', [w.window('w', keyed), keyed]);
      w.sink('s', w.operator('m', united));
    });
    expect(stages(plan)).toEqual(['a 1:', 'w 4: w m s']);
    expect(edges(plan)).toEqual(['a -> w k: a > w m']);
  });
});

test('a rebalance begins a stage', () => {
  const plan = planOf((w) => {
    const spread = w.route('rebalance', undefined, [w.source('a')], { auto: 'rebalance', parallelism: 2 });
    w.sink('s', w.operator('m', spread));
  });
  expect(stages(plan)).toEqual(['a 1:', 'm 2: m s']);
  expect(edges(plan)).toEqual(['a -> m rebalance: a > m']);
});

test('a partition-by begins a stage, whose records have no key', () => {
  const plan = planOf((w) => {
    const placed = w.route('partition-by', 'by-region', [w.keyBy('k', w.source('a'))], { parallelism: 3 });
    w.sink('s', w.operator('m', placed));
    w.sink('t', w.operator('n', placed));
  });
  expect(stages(plan)).toEqual(['a 1:', 'm 3: m s n t']);
  expect(plan.edges).toMatchObject([{ partitioning: { kind: 'custom', partitionBy: 'by-region' } }]);
  expect(plan.edges[0]!.carriesKey).toBeUndefined();
});

test('what works by event time does not share the stage of an operator that holds records back; others do', () => {
  const plan = planOf((w) => {
    const limited = w.window('limit', w.keyBy('k', w.source('a')), { holdsBack: true, keepsKey: true });
    const told = w.operator('told', limited, { keepsKey: true });
    w.sink('s', told);
    w.sink('t', w.window('w', w.operator('f', told, { keepsKey: true })));
    w.sink('u', w.operator('counts', told, { stateful: true }));
  });
  expect(stages(plan)).toEqual(['a 1:', 'limit 4: limit told s f counts u', 'w 4: w t']);
  expect(edges(plan)).toEqual(['a -> limit k: a > limit', 'limit -> w forward: f > w']);
});

test('records keep what key they have on the way to another stage, unless an exchange takes it', () => {
  const plan = planOf((w) => {
    const keyed = w.window('w', w.keyBy('k', w.source('a')));
    w.sink('s', w.operator('m', keyed, { fuse: false }));
    w.sink('t', w.operator('n', w.route('rebalance', 'r', [keyed])));
    w.sink('u', w.operator('o', w.source('b'), { fuse: false }));
  });
  expect(plan.edges.map(({ from, to, carriesKey = false }) => [from, to, carriesKey])).toEqual([
    ['a', 'w', false],
    ['w', 'm', true],
    ['w', 'n', false],
    ['b', 'o', false],
  ]);
});

describe('a sink that must be single', () => {
  const single = { single: true };

  test('is fused behind one task', () => {
    expect(stages(planOf((w) => w.sink('s', w.source('a'), single)))).toEqual(['a 1: s']);
  });

  test.each([2, undefined])('gathers from a source with %s partitions', (partitions) => {
    const plan = planOf((w) => w.sink('s', w.source('a', { partitions }), single));
    expect(stages(plan)).toEqual([`a ${partitions ?? 1}:`, 's 1: s']);
    expect(edges(plan)).toEqual(['a -> s gather: a > s']);
  });

  test('gathers from several tasks and from several stages', () => {
    const plan = planOf((w) => {
      const united = w.route('union', 'u', [w.source('a'), w.window('w', w.keyBy('k', w.source('b')))]);
      w.sink('s', united, single);
    });
    expect(edges(plan)).toEqual(['b -> w k: b > w', 'a -> s gather: a > s', 'w -> s gather: w > s']);
    expect(stages(plan).at(-1)).toBe('s 1: s');
  });

  test('is fused behind a key-by with one task', () => {
    const plan = planOf((w) => w.sink('s', w.window('w', w.keyBy('k', w.source('a'), { parallelism: 1 })), single));
    expect(stages(plan)).toEqual(['a 1:', 'w 1: w s']);
  });
});

describe('an asynchronous operator', () => {
  test('begins a journaled stage, and what follows joins it', () => {
    const plan = planOf((w) => {
      const enriched = w.operator('e', w.operator('m', w.source('a', { partitions: 2 })), { async: true });
      w.sink('s', w.operator('n', enriched));
    });
    expect(stages(plan)).toEqual(['a 2: m', 'e 2: e n s']);
    expect(plan.stages.map((stage) => stage.journaled)).toEqual([false, true]);
    expect(plan.nodes.find((node) => node.id === 'e')).toMatchObject({ nondeterministic: true });
  });

  test('behind a key-by does not share the stage of others behind it', () => {
    const plan = planOf((w) => {
      const keyed = w.keyBy('k', w.source('a'));
      w.sink('s', w.operator('e', keyed, { async: true }));
      w.sink('t', w.window('w', keyed));
    });
    expect(edges(plan)).toEqual(['a -> e k: a > e', 'a -> w k: a > w']);
  });

  test('nondeterministic code makes its stage journaled and may be fused', () => {
    const plan = planOf((w) => w.sink('s', w.operator('m', w.source('a'), { nondeterministic: true })));
    expect(plan.stages.map((stage) => stage.journaled)).toEqual([true]);
  });
});

test('an operator that forbids fusing is alone, with its sinks', () => {
  const plan = planOf((w) => {
    const alone = w.operator('x', w.operator('m', w.source('a')), { fuse: false });
    w.sink('s', alone);
    w.sink('t', w.operator('n', alone));
  });
  expect(stages(plan)).toEqual(['a 1: m', 'x 1: x s', 'n 1: n t']);
});

test('without fusing every operator has a stage, and the same records reach it', () => {
  const write = (w: DraftWriter): void => {
    const filter = w.operator('f', w.keyBy('k', w.operator('m', w.source('a'))), { keepsKey: true });
    w.sink('s', w.operator('n', w.window('w', filter)));
  };
  expect(stages(planOf(write))).toEqual(['a 1: m', 'w 4: f w n s']);
  const apart = planOf(write, 'none');
  expect(stages(apart)).toEqual(['a 1:', 'm 1: m', 'f 4: f', 'w 4: w', 'n 4: n s']);
  expect(edges(apart)).toEqual([
    'a -> m forward: a > m',
    'm -> f k: m > f',
    'f -> w forward: f > w',
    'w -> n forward: w > n',
  ]);
});

describe('names of stages', () => {
  test('a stage is called after its first operator with state, so that others may come before it', () => {
    const with0 = planOf((w) => w.sink('s', w.window('w', w.keyBy('k', w.source('a')))));
    const with1 = planOf((w) => {
      w.sink('s', w.window('w', w.operator('f', w.keyBy('k', w.source('a')), { keepsKey: true })));
    });
    expect(with0.edges.map((edge) => edge.id)).toEqual(['a--w']);
    expect(with1.edges.map((edge) => edge.id)).toEqual(['a--w']);
  });

  test('else after the first that has an id of the author, an operator before a sink', () => {
    const write = (id: string | undefined) => (w: DraftWriter) => {
      const spread = w.route('rebalance', 'r', [w.source('a')]);
      w.sink('s', w.operator(id, w.operator(undefined, spread, { auto: 'map' }), { auto: 'map' }));
    };
    expect(planOf(write('named')).stages[1]?.id).toBe('named');
    expect(planOf(write(undefined)).stages[1]?.id).toBe('s');
  });
});

describe('steps of the watermark', () => {
  const steps = (...grids: ('none' | 'every' | readonly number[])[]) => {
    const plan = planOf((w) => {
      let from = w.source('a');
      grids.forEach((grid, i) => {
        from = w.window(`w${i}`, w.keyBy(`k${i}`, from), { steps: grid });
      });
      w.sink('s', from, { single: true });
    });
    return plan.edges.map((edge) => edge.steps);
  };

  test('are the greatest common divisor of all spans behind an edge, also beyond further exchanges', () => {
    expect(steps([60_000, 45_000], [40_000])).toEqual([5_000, 40_000, 'none']);
  });

  test('are all of them if any operator wants that', () => {
    expect(steps([60_000], 'every', [1_000])).toEqual(['every', 'every', 1_000, 'none']);
  });

  test('pass over spans of zero', () => {
    expect(steps([0, 3_000, 0])).toEqual([3_000, 'none']);
    expect(steps([0])).toEqual(['none', 'none']);
  });

  test('are those of the other operators too where a stage has several', () => {
    const plan = planOf((w) => {
      const keyed = w.keyBy('k', w.source('a'));
      w.sink('s', w.window('w', keyed, { steps: [60_000] }));
      w.sink('t', w.window('v', keyed, { steps: [90_000] }));
    });
    expect(plan.edges.map((edge) => edge.steps)).toEqual([30_000]);
  });
});
