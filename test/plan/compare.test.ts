import { describe, expect, test } from 'vitest';
import { comparePlans, compile, type Draft, type DraftNode, type Plan } from '../../lib/plan/index.ts';
import { type DraftWriter, draftOf } from './draft-writer.ts';

const planOf = (write: (w: DraftWriter) => void, given: Partial<Draft> = {}): Plan =>
  compile(draftOf(write, given)).plan;

function base(w: DraftWriter): void {
  const map = w.operator(undefined, w.source('a'), { auto: 'map' });
  const window = w.window('w', w.keyBy('k', map));
  w.sink('s', window);
}

/** The base with one node's draft changed. */
const changed = (id: string, change: object): Plan => {
  const draft = draftOf(base);
  const nodes = draft.nodes.map((node) => (node.id === id ? ({ ...node, ...change } as DraftNode) : node));
  return compile({ ...draft, nodes }).plan;
};

const before = planOf(base);

test('a plan is compatible with itself, and nothing has changed', () => {
  expect(comparePlans(before, planOf(base))).toEqual({
    compatible: true,
    differences: [],
    obstacles: [],
    changedStages: [],
  });
});

describe('goes on', () => {
  test('with other code, in the stage that holds it', () => {
    const comparison = comparePlans(before, changed('w', { code: 'new' }));
    expect(comparison).toMatchObject({ compatible: true, changedStages: ['w'] });
    expect(comparison.differences).toEqual(['operator w: its code or options have changed']);
  });

  test('with another selector of a key-by, which the sending stage runs', () => {
    const comparison = comparePlans(before, changed('k', { code: 'new' }));
    expect(comparison).toMatchObject({ compatible: true, changedStages: ['a'] });
    expect(comparison.differences[0]).toMatch(/^key-by k: its selector has changed/);
  });

  test('with stateless operators put in on both sides of an exchange, each stage changing for itself', () => {
    const after = planOf((w) => {
      const map = w.operator(undefined, w.source('a'), { auto: 'map' });
      const filter = w.operator(undefined, w.keyBy('k', map), { auto: 'filter', keepsKey: true });
      w.sink('s', w.window('w', filter));
    });
    expect(comparePlans(before, after)).toMatchObject({ compatible: true, changedStages: ['w'] });
    const ahead = planOf((w) => {
      const first = w.operator(undefined, w.source('a'), { auto: 'map', code: 'first' });
      w.sink(
        's',
        w.window('w', w.keyBy('k', w.operator(undefined, first, { auto: 'map', code: 'operator undefined' }))),
      );
    });
    expect(comparePlans(before, ahead)).toMatchObject({ compatible: true, changedStages: ['a'] });
  });

  test('with a made-up name that moves on because of another stage, without a change', () => {
    const write = (more: boolean) => (w: DraftWriter) => {
      const map = { auto: 'map', code: 'same' };
      w.sink('s', more ? w.operator(undefined, w.source('a'), map) : w.source('a'));
      w.sink('t', w.operator(undefined, w.source('b'), map));
    };
    expect(comparePlans(planOf(write(false)), planOf(write(true)))).toMatchObject({
      compatible: true,
      changedStages: ['a'],
    });
  });

  test('with a version of state that rises and with a new state', () => {
    const { compatible, differences } = comparePlans(before, changed('w', { state: { panes: 2, more: 1 } }));
    expect(compatible).toBe(true);
    expect(differences).toEqual([
      `operator w: its state 'panes' goes from version 1 to 2`,
      `operator w: its state 'more' is new`,
    ]);
  });

  test('with a new operator with state in a stage that there is', () => {
    const after = planOf((w) => {
      const keyed = w.keyBy('k', w.operator(undefined, w.source('a'), { auto: 'map' }));
      w.sink('s', w.window('w', keyed));
      w.sink('t', w.window('v', keyed));
    });
    const { compatible, differences } = comparePlans(before, after);
    expect(compatible).toBe(true);
    expect(differences).toEqual(['operator v: is new', 'sink t: is new']);
  });

  test('with other options of a connector and another bound of the watermark', () => {
    const after = changed('a', { options: { path: 'b' }, watermark: { kind: 'bounded', bound: 5 } });
    expect(comparePlans(before, after)).toMatchObject({ compatible: true });
    expect(comparePlans(before, after).differences).toHaveLength(2);
  });
});

describe('refuses', () => {
  const refused = (after: Plan): readonly string[] => {
    const { compatible, obstacles, differences } = comparePlans(before, after);
    expect(compatible).toBe(false);
    expect(differences.slice(0, obstacles.length)).toEqual(obstacles);
    return obstacles;
  };

  test('another pipeline', () => {
    expect(refused(planOf(base, { pipeline: 'other' }))).toEqual(['pipeline: was test, is other']);
  });

  test('another number of tasks', () => {
    expect(refused(planOf(base, { parallelism: 5 }))).toEqual(['stage w: had 4 tasks, has 5']);
  });

  test('but not of a stage that has as many as its source', () => {
    const following = (partitions: number): Plan =>
      planOf((w) => w.sink('s', w.operator('o', w.source('a', { partitions }), { async: true })));
    const comparison = comparePlans(following(2), following(3));
    expect(comparison).toMatchObject({ compatible: true, changedStages: [] });
    expect(comparison.differences).toContain('stage o: keeps its number of tasks, although its source has another');
  });

  test('but not another number of partitions of a source, which it tells when it is opened', () => {
    expect(comparePlans(before, changed('a', { partitions: 2 })).compatible).toBe(true);
  });

  test.each([
    ['size', { window: { kind: 'tumbling', size: 1, offset: 0 } }],
    ['offset', { window: { kind: 'tumbling', size: 60_000, offset: 1 } }],
    ['kind', { window: { kind: 'hopping', size: 60_000, offset: 0 } }],
  ])('another %s of windows', (_, options) => {
    expect(refused(changed('w', { options }))).toEqual([
      `operator w: its window was {"kind":"tumbling","size":60000,"offset":0}, is ${JSON.stringify(options.window)}`,
    ]);
  });

  test('another trigger, which keeps its own state with the window, but not other numbers in the same one', () => {
    const triggered = (trigger: object) => changed('w', { options: { trigger: { ...trigger } } });
    const first = triggered({ name: 'earlyByCount', n: 1 });
    expect(comparePlans(first, triggered({ name: 'earlyByCount', n: 2 })).obstacles).toEqual([]);
    expect(comparePlans(first, triggered({ name: 'endOfWindow', n: 1 })).obstacles).toEqual([
      'operator w: its trigger was "earlyByCount", is "endOfWindow"',
    ]);
  });

  test('another kind of a state of the same name, but not another time to live', () => {
    const declared = (kind: string, ttl: number) => changed('w', { options: { states: { seen: { kind, ttl } } } });
    expect(comparePlans(declared('value', 1), declared('value', 2)).obstacles).toEqual([]);
    expect(comparePlans(declared('value', 1), declared('list', 1)).obstacles).toEqual([
      `operator w: its state 'seen' was "value", is "list"`,
    ]);
  });

  test('another time in which what is kept expires, but not that it begins or ceases to', () => {
    const counted = (ttl: object) => changed('w', { options: { states: { seen: { kind: 'value', ...ttl } } } });
    const [event, processing] = [counted({ ttl: 1, ttlBy: 'event' }), counted({ ttl: 1, ttlBy: 'processing' })];
    expect(comparePlans(event, processing).obstacles).toEqual([
      `operator w: its ttlBy of state 'seen' was "event", is "processing"`,
    ]);
    expect(comparePlans(event, counted({})).obstacles).toEqual([]);
    expect(comparePlans(counted({}), event).obstacles).toEqual([]);
  });

  test('another type of operator with state', () => {
    expect(refused(changed('w', { type: 'process' }))).toEqual(['operator w: was a window, is a process']);
  });

  test('a state that is gone or of an older version', () => {
    expect(refused(changed('w', { state: {} }))).toEqual([`operator w: its state 'panes' is gone`]);
    expect(refused(changed('w', { state: { panes: 0 } }))).toEqual([
      `operator w: its state 'panes' was of version 1, is of 0`,
    ]);
  });

  test('another id of an operator with state, naming all that goes with it', () => {
    const after = planOf((w) => {
      const map = w.operator(undefined, w.source('a'), { auto: 'map' });
      w.sink('s', w.window('v', w.keyBy('k', map)));
    });
    expect(refused(after)).toEqual([
      'stage w: is gone',
      'stage v: is new',
      'exchange a--w: is gone',
      'exchange a--v: is new',
      'operator w: is gone, and its state would be lost',
      'sink s: was in stage w, is in v',
    ]);
  });

  test('an operator with state that has moved to another stage', () => {
    const write = (inner: boolean) => (w: DraftWriter) => {
      const keyed = w.keyBy('k', w.source('a'));
      const window = w.window('w', keyed);
      w.sink('s', w.window('v', inner ? keyed : w.keyBy('l', keyed)));
      w.sink('t', window);
      w.sink('u', w.window('x', w.keyBy('l2', window)));
    };
    const { obstacles } = comparePlans(planOf(write(true)), planOf(write(false)));
    expect(obstacles).toContain('operator v: was in stage w, is in v');
  });

  test('another source, connector, end or time', () => {
    expect(refused(changed('a', { connector: 'kafka' }))).toEqual(['source a: read rows, reads kafka']);
    expect(refused(changed('a', { bounded: false }))).toEqual(['source a: was bounded, is unbounded']);
    expect(refused(changed('a', { watermark: { kind: 'custom', bound: 0 } }))).toEqual([
      'source a: its watermark was bounded, is custom',
    ]);
    expect(refused(changed('a', { id: 'b' }))).toContain('stage a: is gone');
  });

  test('another kind of exchange', () => {
    const spread = (kind: 'key-by' | 'rebalance') =>
      planOf((w) => w.sink('s', w.operator('m', w.route(kind, 'r', [w.source('a')]))));
    expect(comparePlans(spread('key-by'), spread('rebalance')).obstacles).toEqual([
      'exchange a--m: was key, is rebalance',
    ]);
  });

  test('a partitioner in place of a key, and of another function', () => {
    const placed = (kind: 'key-by' | 'partition-by', code: string) =>
      planOf((w) => w.sink('s', w.operator('m', w.route(kind, 'r', [w.source('a')], { code }))));
    expect(comparePlans(placed('key-by', 'x'), placed('partition-by', 'x')).obstacles).toEqual([
      'exchange a--m: was key, is custom',
    ]);
    const changed = comparePlans(placed('partition-by', 'x'), placed('partition-by', 'y'));
    expect(changed).toMatchObject({ compatible: true, changedStages: ['a'] });
    expect(changed.differences).toContain('partition-by r: its function has changed');
  });

  test('another connector of a sink', () => {
    expect(refused(changed('s', { connector: 'csv' }))).toEqual(['sink s: wrote drain, writes csv']);
  });
});
