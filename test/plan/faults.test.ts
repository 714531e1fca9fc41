import { describe, expect, test } from 'vitest';
import { MillraceError } from '../../lib/model/index.ts';
import { compile, type Draft, type PlanFault } from '../../lib/plan/index.ts';
import { type DraftWriter, draftOf } from './draft-writer.ts';

function failure(draft: Draft): MillraceError {
  try {
    compile(draft);
  } catch (error) {
    if (error instanceof MillraceError) return error;
    throw error;
  }
  throw new Error('it compiled');
}

const faultsIn = (draft: Draft): readonly PlanFault[] => failure(draft).cause as readonly PlanFault[];
const rules = (draft: Draft): readonly string[] => faultsIn(draft).map(({ operator, rule }) => `${operator}: ${rule}`);

/** A pipeline without faults, to which a test adds one. */
function sound(w: DraftWriter): { source: number; keyed: number } {
  const source = w.source('in');
  const keyed = w.keyBy('by-name', source);
  w.sink('out', w.window('counts', keyed));
  return { source, keyed };
}

test('the pipeline that the other tests add a fault to has none', () => {
  expect(() => compile(draftOf(sound))).not.toThrow();
});

test('says every fault at once, each in a line with operator, rule and fix', () => {
  const error = failure(
    draftOf((w) => {
      const a = w.source('a');
      w.source('a');
      w.window('w', a);
    }),
  );
  expect(error.kind).toBe('invalid-pipeline');
  expect(error.where).toEqual({ pipeline: 'test' });
  const faults = error.cause as readonly PlanFault[];
  expect(faults.length).toBe(4);
  const lines = error.message.split('\n');
  expect(lines[0]).toBe('pipeline test has 4 mistakes:');
  expect(lines.slice(1)).toEqual(faults.map(({ operator, rule, fix }) => `  ${operator}: ${rule}; ${fix}`));
  for (const fault of faults) for (const text of Object.values(fault)) expect(text).not.toBe('');
});

test('says the faults in the order in which the pipeline was written', () => {
  const operators = faultsIn(
    draftOf((w) => {
      const { source } = sound(w);
      w.operator('first', source);
      w.operator('second', source);
      w.source('third');
    }),
  ).map((fault) => fault.operator);
  expect(operators).toEqual(['first', 'second', 'third']);
});

describe('names', () => {
  test('one fault for each repeated id, at the repetition', () => {
    const draft = draftOf((w) => {
      const { source } = sound(w);
      w.sink('in', w.operator('counts', source));
    });
    expect(rules(draft)).toEqual([
      'counts: the id is used more than once, here by a map',
      'in: the id is used more than once, here by a sink',
    ]);
  });

  test('the id of the records that were given up is not for others', () => {
    expect(rules(draftOf((w) => w.sink('dead-letters', w.source('in'))))).toEqual([
      "dead-letters: the id 'dead-letters' is taken by the records that were given up",
    ]);
  });

  test.each([
    ['source', (w: DraftWriter) => w.sink('s', w.source(undefined))],
    ['source', (w: DraftWriter) => w.sink('s', w.source(''))],
    ['key-by', (w: DraftWriter) => w.sink('s', w.window('x', w.keyBy(undefined, w.source('a'))))],
    ['window', (w: DraftWriter) => w.sink('s', w.window(undefined, w.keyBy('k', w.source('a'))))],
    ['sink', (w: DraftWriter) => w.sink(undefined, w.source('a'))],
  ])('a %s must have an id', (kind, write) => {
    expect(rules(draftOf(write))).toEqual([`(${kind} 1 without id): a ${kind} needs an id`]);
  });

  test.each(['with space', 'ümlaut', 'a/b', '.hidden', '-dash', '..', 'line\nbreak', 'x'.repeat(101)])(
    'refuses the id %j',
    (id) => {
      const faults = faultsIn(draftOf((w) => w.sink(id, w.source('a'))));
      expect(faults.map((fault) => fault.operator)).toEqual([id]);
    },
  );

  test.each(['a', 'A.b_c-9', '9', 'x'.repeat(100)])('takes the id %j', (id) => {
    expect(() => compile(draftOf((w) => w.sink(id, w.source('in'))))).not.toThrow();
  });

  test('the name of the pipeline follows the same rule', () => {
    const faults = faultsIn(draftOf(sound, { pipeline: 'a b' }));
    expect(faults.map((fault) => fault.operator)).toEqual(['pipeline "a b"']);
  });

  test('the name of the pipeline has no dot: the topics of two pipelines would be one', () => {
    const dotted = failure({ ...draftOf(sound), pipeline: 'a.b' });
    expect(dotted.message).toMatch(/the name "a\.b" has a dot/);
  });

  test('a name made up passes over ids that the author has given', () => {
    const { names } = compile(
      draftOf((w) => {
        const a = w.source('a');
        const first = w.operator(undefined, a, { auto: 'map' });
        const given = w.operator('map-2', first);
        w.sink('out', w.operator(undefined, given, { auto: 'map' }));
      }),
    );
    expect(names).toEqual(['a', 'map-1', 'map-2', 'map-3', 'out']);
  });
});

describe('what goes nowhere', () => {
  test('a source that nobody reads', () => {
    const draft = draftOf((w) => {
      sound(w);
      w.source('b');
    });
    expect(rules(draft)).toEqual(['b: the source is never used']);
  });

  test.each([
    ['map', (w: DraftWriter, from: number) => w.operator('x', from)],
    ['key-by', (w: DraftWriter, from: number) => w.keyBy('x', from)],
    ['rebalance', (w: DraftWriter, from: number) => w.route('rebalance', 'x', [from])],
    ['partition-by', (w: DraftWriter, from: number) => w.route('partition-by', 'x', [from])],
    ['union', (w: DraftWriter, from: number) => w.route('union', 'x', [from])],
  ])('a %s without a reader', (kind, write) => {
    const draft = draftOf((w) => write(w, sound(w).source));
    expect(rules(draft)).toEqual([`x: the results of this ${kind} go nowhere`]);
  });

  test('an operator of which only a side output is read is in use', () => {
    const draft = draftOf((w) => {
      const split = w.operator('split', w.source('a'), { sides: ['small'] });
      w.sink('out', { node: split, side: 'small' });
    });
    expect(() => compile(draft)).not.toThrow();
  });

  test('but not a table that can be read from outside', () => {
    const draft = draftOf((w) => w.window('x', w.keyBy('k', w.source('a')), { readable: true }));
    expect(() => compile(draft)).not.toThrow();
  });

  test('a pipeline of nothing', () => {
    expect(rules(draftOf(() => {}))).toEqual(['pipeline "test": there is nothing in it']);
  });

  test('a pipeline without a sink', () => {
    expect(rules(draftOf((w) => w.operator('x', w.source('a'))))).toEqual(['x: the results of this map go nowhere']);
  });

  test('a union of nothing', () => {
    const draft = draftOf((w) => {
      sound(w);
      w.sink('s', w.route('union', 'u', []));
    });
    expect(rules(draft)).toEqual(['u: a union of nothing']);
  });
});

describe('side outputs', () => {
  test('one that is read but never emitted, with those that are', () => {
    const draft = draftOf((w) => {
      const split = w.operator('x', sound(w).source, { type: 'split', sides: ['small', 'large'] });
      w.sink('s', { node: split, side: 'lage' });
    });
    expect(rules(draft)).toEqual([`x: its side output 'lage' is read, but it has 'small', 'large'`]);
  });

  test('one read from a source', () => {
    const draft = draftOf((w) => w.sink('s', { node: sound(w).source, side: 'late' }));
    expect(rules(draft)).toEqual([`in: its side output 'late' is read, but it has no side outputs`]);
  });

  test('one with a name that cannot be', () => {
    const draft = draftOf((w) => w.sink('s', w.operator('x', sound(w).source, { sides: ['a b'] })));
    expect(faultsIn(draft).map((fault) => fault.operator)).toEqual(['x']);
  });
});

describe('keys', () => {
  const needsKey = 'w: a window needs records with a key';

  test('a window directly on a source', () => {
    expect(rules(draftOf((w) => w.sink('s', w.window('w', w.source('a')))))).toEqual([needsKey]);
  });

  test('a window behind a map, which makes another record', () => {
    const draft = draftOf((w) => {
      const map = w.operator('m', w.keyBy('k', w.source('a')));
      w.sink('s', w.window('w', map));
    });
    expect(rules(draft)).toEqual([needsKey]);
  });

  test('a window behind a partition-by, which takes the key away, and tasks that are too many', () => {
    const draft = draftOf((w) => {
      const spread = w.route('partition-by', 'p', [w.keyBy('k', w.source('a'))], { parallelism: 5_000 });
      w.sink('s', w.window('w', spread));
    });
    expect(rules(draft)).toEqual(['p: the parallelism is 5000', 'w: a window needs records with a key']);
  });

  test('a window behind a rebalance, which takes the key away', () => {
    const draft = draftOf((w) => {
      const spread = w.route('rebalance', 'r', [w.keyBy('k', w.source('a'))]);
      w.sink('s', w.window('w', spread));
    });
    expect(rules(draft)).toEqual([needsKey]);
  });

  test('a filter between key-by and window keeps the key', () => {
    const draft = draftOf((w) => {
      const filter = w.operator('f', w.keyBy('k', w.source('a')), { type: 'filter', keepsKey: true });
      w.sink('s', w.window('w', filter));
    });
    expect(() => compile(draft)).not.toThrow();
  });

  test('a filter has no key to keep on a stream without', () => {
    const draft = draftOf((w) => {
      const filter = w.operator('f', w.source('a'), { type: 'filter', keepsKey: true });
      w.sink('s', w.window('w', filter));
    });
    expect(rules(draft)).toEqual([needsKey]);
  });

  test('side outputs have no key', () => {
    const draft = draftOf((w) => {
      const filter = w.operator('f', w.keyBy('k', w.source('a')), { keepsKey: true, sides: ['x'] });
      w.sink('s', w.window('w', { node: filter, side: 'x' }));
    });
    expect(rules(draft)).toEqual([needsKey]);
  });
});

describe('time', () => {
  test('an event-time window needs a time from every source that reaches it, and the others are not named', () => {
    const draft = draftOf((w) => {
      const [a, b, c] = [w.source('a'), w.source('b', timeless), w.source('c', timeless)];
      const united = w.route('union', 'u', [a, w.operator('m', b)]);
      w.sink('s', w.window('w', w.keyBy('k', united)));
      w.sink('plain', c);
    });
    expect(rules(draft)).toEqual(['w: it works by event time, but no event time or watermark comes from b']);
  });

  test('also through an operator with state between', () => {
    const draft = draftOf((w) => {
      const first = w.window('x', w.keyBy('k', w.source('a', timeless)), { eventTime: false });
      w.sink('s', w.window('w', w.keyBy('l', first)));
    });
    expect(rules(draft).map((rule) => rule.split(':')[0])).toEqual(['w']);
  });

  test('a watermark without event time', () => {
    const draft = draftOf((w) => w.sink('s', w.source('a', { hasEventTime: false })));
    expect(rules(draft)).toEqual(['a: it has a watermark but no event time']);
  });

  test.each([
    [{ watermark: { kind: 'bounded', bound: -1 } }, 'a: the bound of its watermark is -1, not at least 0'],
    [{ watermark: { kind: 'bounded', bound: Number.NaN } }, 'a: the bound of its watermark is NaN, not at least 0'],
    [{ idle: { policy: 'advance', after: -1, drift: 0 } }, 'a: idleAfter is -1, not at least 0'],
    [
      { idle: { policy: 'advance', after: 0, drift: Number.POSITIVE_INFINITY } },
      'a: idleDrift is Infinity, not at least 0',
    ],
  ] as const)('a span that cannot be: %j', (given, rule) => {
    expect(rules(draftOf((w) => w.sink('s', w.source('a', given))))).toEqual([rule]);
  });

  const timeless = { hasEventTime: false, watermark: { kind: 'none', bound: 0 } } as const;
});

describe('numbers', () => {
  test.each([0, -1, 1.5, Number.NaN, 1_025])('a parallelism of %d, of the pipeline and of a key-by', (parallelism) => {
    const draft = draftOf((w) => w.sink('s', w.window('w', w.keyBy('k', w.source('a'), { parallelism }))), {
      parallelism,
    });
    expect(rules(draft)).toEqual([
      `pipeline "test": the parallelism is ${parallelism}`,
      `k: the parallelism is ${parallelism}`,
    ]);
  });

  test.each([
    [{ kind: 'fixed', attempts: 0, delay: 1 }, 'attempts is 0'],
    [{ kind: 'fixed', attempts: 1, delay: -1 }, 'delay is -1, not at least 0'],
    [{ kind: 'failure-rate', failures: 1.5, interval: 1, delay: 1 }, 'failures is 1.5'],
    [{ ...exponential(), factor: 0.5 }, 'factor is 0.5, not at least 1'],
    [{ ...exponential(), jitter: 2 }, 'jitter is 2'],
    [{ ...exponential(), max: 1 }, 'max is below its initial delay'],
  ] as const)('a restart strategy that cannot be: %j', (restart, rule) => {
    const draft = draftOf((w) => {
      w.sink('s', w.operator('m', w.source('a'), { faults: { restart, fallback: 'fail' } }));
    });
    expect(rules(draft)).toEqual([`m: the restart strategy's ${rule}`]);
  });

  test('what was found wrong when an operator was written down', () => {
    const mistakes = [{ rule: 'the size is 0', fix: 'make it larger' }];
    const draft = draftOf((w) => w.sink('s', w.operator('m', w.source('a'), { mistakes })));
    expect(faultsIn(draft)).toEqual([{ operator: 'm', rule: 'the size is 0', fix: 'make it larger' }]);
  });

  function exponential() {
    return { kind: 'exponential', attempts: 3, initial: 100, max: 1_000, factor: 2, jitter: 0, reset: 1_000 } as const;
  }
});
