import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_TIME, MIN_TIME } from '../../lib/model/index.ts';
import {
  Channels,
  claimOf,
  controlGridOf,
  decideRound,
  edgeTimesOf,
  type RoundFacts,
  saidOf,
  silenceOf,
  type TaskFacts,
} from '../../lib/protocol/index.ts';
import { sourceOf } from './commit-head.ts';
import { idle, planOf, roundOf, taskOf } from './pipeline-facts.ts';
import { claimsOf, frameOf, upTo } from './spoken-frame.ts';

const plan = planOf({ src: {} }, [['src', 'win']]);
const failure = { kind: 'operator-failed', message: 'no', at: 0 };
const backoff = (until: number) =>
  ({ kind: 'backoff', offset: 0, unit: 0, attempts: 1, until, skip: [], failure }) as const;
const stopped = { kind: 'stopped', reason: 'failed', failure, skip: [] } as const;

/** A source task that has read all of five rows, the last at 100 by its watermark and by the clock. */
const silentSource = (name = 'src#0', said: Partial<ReturnType<typeof sourceOf>> = {}) =>
  taskOf(name, {
    nextOffset: 5,
    source: sourceOf({ watermark: 100, lastArrival: 100, sent: { 'src-win': [upTo(3), upTo(4)] }, ...said }),
  });

const rings = (tasks: readonly TaskFacts[], said: Partial<RoundFacts> = {}) =>
  decideRound(roundOf(plan, tasks, said)).rings.map(({ task, reason }) => `${task.stage}#${task.partition} ${reason}`);

describe('rings', () => {
  it('16: wake what owes, lags, is to be tried again, has not finished, or wants a snapshot', () => {
    const tasks = [
      taskOf('src#1', { nextOffset: 5, source: sourceOf() }, { end: 6 }),
      taskOf('src#2', { nextOffset: 5, source: sourceOf() }, { sealed: true }),
      taskOf('src#3', { nextOffset: 5, source: sourceOf() }, { end: undefined }),
      taskOf('win#0', { debts: 1 }, { end: 4 }),
      taskOf('win#1', { nextOffset: 3 }, { end: 4 }),
      taskOf('win#2', { status: backoff(10) }),
      taskOf('win#3', { version: 11, snapshot: { version: 5, name: '', base: 0 } }),
      taskOf('win#4', { status: backoff(11), debts: 1 }),
      taskOf('win#5', { status: stopped, debts: 1 }),
    ];
    expect(rings(tasks, { now: 10, slots: 8 })).toEqual([
      'src#1 backlog',
      'src#2 unfinished',
      'src#3 backlog',
      'win#0 debts',
      'win#1 backlog',
      'win#2 back-off over',
      'win#3 snapshot wanted',
      'win#4 debts',
      'win#5 debts',
    ]);
  });

  it('16: leave alone what has nothing to do, waits, has stopped, is done, or could not be read', () => {
    const tasks = [
      taskOf('src#0', { nextOffset: 5, source: sourceOf({ done: true }) }, { end: 9, sealed: true }),
      taskOf('src#1', { nextOffset: 5, source: sourceOf() }),
      taskOf('src#2', { nextOffset: 5, source: sourceOf({ drainTo: 9 }) }, null),
      taskOf('win#0', { nextOffset: 3 }),
      taskOf('win#1', { nextOffset: 3, status: backoff(11) }, { end: 4 }),
      taskOf('win#2', { nextOffset: 3, status: stopped }, { end: 4 }),
      taskOf('win#3', { version: 10, snapshot: { version: 5, name: '', base: 0 } }),
    ];
    expect(rings(tasks, { now: 10, slots: 8 })).toEqual([]);
    expect(rings([taskOf('win#3', { version: 99 })], { slots: undefined })).toEqual([]);
  });

  it('drain a source no further than was said, and finish it there', () => {
    const drained = (nextOffset: number) => [
      taskOf('src#0', { nextOffset, source: sourceOf({ drainTo: 7 }) }, { end: 9 }),
    ];
    expect(rings(drained(6))).toEqual(['src#0 backlog']);
    expect(rings(drained(7))).toEqual(['src#0 unfinished']);
  });
});

describe('ticks', () => {
  it('tell a drained task the time when a processing-time timer is due', () => {
    const tasks = [
      taskOf('win#0', { processingTimer: 20 }),
      taskOf('win#1', { processingTimer: 21 }),
      taskOf('win#2', { processingTimer: 20 }, { end: 3 }),
      taskOf('win#3', { processingTimer: 20, status: stopped }),
      taskOf('win#4', { processingTimer: 20, status: backoff(50) }),
      taskOf('win#5', {}),
    ];
    const round = decideRound(roundOf(plan, tasks, { now: 20 }));
    expect(round.ticks).toEqual([{ stage: 'win', partition: 0, message: { kind: 'tick', run: 'r', time: 20 } }]);
    expect(round.next).toBe(21);
  });

  it('foresee the end of a back-off', () => {
    expect(decideRound(roundOf(plan, [taskOf('win#0', { status: backoff(50) })], { now: 20 })).next).toBe(50);
  });
});

/** The claims of a round, if any. */
const claims = (facts: RoundFacts) => decideRound(facts).claims;

describe('claims', () => {
  const waiting = (eventTimer: number, name = 'win#0') => taskOf(name, { watermark: 100, eventTimer });

  it("16: let time go on at the clock's pace, less grace and skew, once that lets a timer fire", () => {
    const facts = (now: number) =>
      roundOf(plan, [silentSource(), waiting(150), waiting(900, 'win#1')], { now, grace: 7, skew: 3 });
    expect(claims(facts(159))).toEqual([]);
    const message = (prev: number) => ({
      kind: 'claims',
      run: 'r',
      time: 160,
      edges: [['src-win', 1]],
      list: [{ channel: { edge: 'src-win', task: 0 }, prev: upTo(prev), upTo: 5, watermark: 150, silentSince: 100 }],
    });
    expect(claims(facts(160))).toEqual([
      { stage: 'win', partition: 0, message: message(3) },
      { stage: 'win', partition: 1, message: message(4) },
    ]);
  });

  it('16: are not made while no timer waits', () => {
    expect(claims(roundOf(plan, [silentSource(), taskOf('win#0', { watermark: 100 })], { now: 1e9 }))).toEqual([]);
  });

  it('8: are not made of a source that lags, owes, is backing off, may end, has ended, or was made anew', () => {
    const bad: TaskFacts[] = [
      { ...silentSource(), log: { id: 't', start: 0, end: 6, sealed: false } },
      { ...silentSource(), log: { id: 't', start: 0, end: undefined, sealed: false } },
      { ...silentSource(), log: { id: 't', start: 0, end: 5, sealed: true } },
      { ...silentSource(), log: { id: 'u', start: 0, end: 5, sealed: false } },
      { ...silentSource(), log: undefined },
      silentSource('src#0', { done: true }),
    ];
    const head = silentSource().head;
    if (head === undefined) throw new Error();
    bad.push(
      { ...silentSource(), head: { ...head, debts: 1 } },
      { ...silentSource(), head: { ...head, status: backoff(0) } },
    );
    for (const source of bad) expect(claims(roundOf(plan, [source, waiting(150)], { now: 1e6 }))).toEqual([]);
  });

  it('are not made before they can help all that hold the timer back', () => {
    const busy = (watermark: number) =>
      taskOf('src#1', { nextOffset: 5, source: sourceOf({ watermark, lastArrival: 100 }) }, { end: 6 });
    expect(claims(roundOf(plan, [silentSource(), busy(149), waiting(150)], { now: 900 }))).toEqual([]);
    expect(claims(roundOf(plan, [silentSource(), busy(150), waiting(150)], { now: 900 }))).toHaveLength(1);
  });

  it('are not made where the frames on their way will do', () => {
    const busy = (name: string, said = {}) =>
      taskOf(name, { nextOffset: 5, source: sourceOf({ watermark: 200, ...said }) });
    const lagging = taskOf('win#0', { nextOffset: 3, watermark: 100, eventTimer: 150 }, { end: 4 });
    expect(claims(roundOf(plan, [busy('src#0'), lagging], { now: 900 }))).toEqual([]);
    const drained = taskOf('win#0', { nextOffset: 4, watermark: 100, eventTimer: 150 });
    expect(claims(roundOf(plan, [busy('src#0'), drained], { now: 900 }))).toHaveLength(1);
  });

  it("count on no more than an edge's grid lets through", () => {
    const coarse = planOf({ src: {} }, [['src', 'win', 'every']]);
    const source = taskOf('src#0', { nextOffset: 5, source: sourceOf({ watermark: 5_800, lastArrival: 0 }) });
    const lagging = taskOf('win#0', { nextOffset: 3, watermark: 4_999, eventTimer: 5_500 }, { end: 4 });
    expect(claims(roundOf(coarse, [source, lagging], { now: 0 }))[0]?.message.list[0]?.watermark).toBe(5_800);
  });

  it('never reach the end of time', () => {
    const source = silentSource('src#0', { watermark: MAX_TIME - 5 });
    const facts = roundOf(plan, [source, waiting(MAX_TIME - 1)], { now: 1_000 });
    expect(claims(facts)[0]?.message.list[0]?.watermark).toBe(MAX_TIME - 1);
    expect(claims(roundOf(plan, [source, waiting(MAX_TIME)], { now: 1_000 }))).toEqual([]);
  });

  it('say nothing of the time of a partition that never spoke, and are not made before idleAfter', () => {
    const facts = (now: number) =>
      roundOf(plan, [silentSource(), taskOf('src#1', { source: sourceOf({ lastArrival: 50 }) }), waiting(150)], {
        now,
      });
    expect(claims(facts(30_049))).toEqual([]);
    const list = claims(facts(30_050))[0]?.message.list;
    expect(list).toMatchObject([{ watermark: 30_050 }, { watermark: undefined, upTo: 0, silentSince: 50 }]);
  });

  it('are not made under policy hold', () => {
    const held = planOf({ src: { idle: { ...idle, policy: 'hold' } } }, [['src', 'win']]);
    expect(claims(roundOf(held, [silentSource(), waiting(150)], { now: 1e6 }))).toEqual([]);
  });

  it('are not made for tasks that stand still', () => {
    for (const status of [stopped, backoff(2e6)]) {
      const task = taskOf('win#0', { watermark: 100, eventTimer: 150, status });
      expect(claims(roundOf(plan, [silentSource(), task], { now: 1e6 }))).toEqual([]);
    }
  });

  it('16: go to the first exchange on the way to a timer further down, and to no other', () => {
    const deep = planOf({ src: {} }, [
      ['src', 'a'],
      ['src', 'z'],
      ['a', 'b'],
    ]);
    const inner = (name: string, said = {}) => taskOf(name, { watermark: 100, ...said });
    const tasks = [silentSource(), inner('a#0'), inner('z#0'), inner('b#0', { eventTimer: 500 })];
    expect(claims(roundOf(deep, tasks, { now: 499 }))).toEqual([]);
    expect(claims(roundOf(deep, tasks, { now: 500 })).map(({ stage }) => stage)).toEqual(['a']);
    const blocked = [...tasks, inner('a#1', { status: stopped })];
    expect(claims(roundOf(deep, blocked, { now: 500 }))).toEqual([]);
  });

  it('do not count on a stage to say more of a watermark that they do not move', () => {
    const coarse = planOf({ src: {} }, [
      ['src', 'a'],
      ['a', 'b', 'every'],
    ]);
    const source = taskOf('src#0', { nextOffset: 5, source: sourceOf({ watermark: 5_800, lastArrival: 0 }) });
    const tasks = [source, taskOf('a#0', { watermark: 5_800 }), taskOf('b#0', { watermark: 4_999, eventTimer: 5_500 })];
    expect(claims(roundOf(coarse, tasks, { now: 0 }))).toEqual([]);
    expect(claims(roundOf(coarse, tasks, { now: 1 }))).toHaveLength(1);
  });

  it('say no less than the source has said', () => {
    const facts = roundOf(plan, [silentSource('src#0', { watermark: 150 }), waiting(120)], { now: 90, grace: 1_000 });
    expect(claims(facts)[0]?.message.list[0]?.watermark).toBe(150);
  });

  it('16: are made, needed or not, when everything has come to rest and a timer waits all the same', () => {
    const done = taskOf('src#1', { nextOffset: 5, source: sourceOf({ done: true }) }, null);
    const facts = roundOf(plan, [silentSource('src#0', { watermark: 200 }), done, waiting(150)], { now: 900 });
    expect(claims(facts)).toHaveLength(1);
  });

  it("16: one branch that is held back does not keep another's windows open", () => {
    const two = planOf({ src: {}, held: { idle: { ...idle, policy: 'hold' } } }, [
      ['src', 'a'],
      ['held', 'b'],
    ]);
    const held = taskOf('held#0', { nextOffset: 5, source: sourceOf({ watermark: 100, lastArrival: 100 }) });
    const tasks = [silentSource(), held, taskOf('a#0', { eventTimer: 300 }), taskOf('b#0', { eventTimer: 200 })];
    expect(claims(roundOf(two, tasks, { now: 300 })).map(({ stage }) => stage)).toEqual(['a']);
    expect(claims(roundOf(two, tasks, { now: 250 }))).toEqual([]);
  });
});

describe('stops', () => {
  it('14: are for logs that were made anew or are shorter than what was read', () => {
    const tasks = [
      taskOf('win#0', { nextOffset: 5 }, { id: 'u', end: 9 }),
      taskOf('win#1', { nextOffset: 5 }, { end: 4 }),
      taskOf('win#2', { nextOffset: 5 }, { start: 6, end: 9 }),
      taskOf('win#3', { nextOffset: 5 }, { start: 5, end: 5 }),
      taskOf('src#0', { nextOffset: 5, source: sourceOf({ done: true }) }, { id: 'u', end: 0 }),
    ];
    const round = decideRound(roundOf(plan, tasks));
    expect(round.stops.map(({ task, reason }) => `${task.partition} ${reason}`)).toEqual([
      '0 data-lost',
      '1 data-lost',
      '2 data-lost',
    ]);
    expect(round.rings).toEqual([]);
  });

  it('are for tasks whose commits are gone: all have been born', () => {
    const round = decideRound(roundOf(plan, [taskOf('src#0', undefined), taskOf('win#0', { nextOffset: 5 })]));
    expect(round.stops).toMatchObject([{ task: { stage: 'src' }, reason: 'state-lost' }]);
    expect(round.rings).toEqual([]);
    expect(round.over).toBe(false);
  });
});

/** What a receiver makes of what its senders said, and of the claims. */
function receiver(facts: RoundFacts, list: ReturnType<typeof claims>): number | undefined {
  const channels = new Channels(edgeTimesOf(facts.plan, 'win'), facts.skew);
  const senders = facts.tasks.filter(({ task }) => task.stage === 'src');
  const grid = controlGridOf(facts.plan.edges[0]?.steps ?? 1);
  for (const { task, head } of senders) {
    const said = saidOf(head?.source?.done ? MAX_TIME : (head?.source?.watermark ?? MIN_TIME), grid);
    if (said === MIN_TIME) continue;
    channels.begin(frameOf({ edge: 'src-win', task: task.partition, channels: senders.length, thru: upTo(9) }));
    channels.step('src-win', task.partition, said);
  }
  for (const { message } of list) channels.claim(message);
  return channels.watermark().value;
}

/** Whether it would help or not. */
function everythingThatMayBeClaimed(facts: RoundFacts): ReturnType<typeof claims> {
  const source = facts.plan.nodes.find((node) => node.kind === 'source');
  const list = facts.tasks.flatMap((each) => {
    const silence = source && each.task.stage === 'src' ? silenceOf(each, source, facts) : undefined;
    return silence === undefined ? [] : [claimOf(silence, 'src-win', each.task.partition, 0)];
  });
  const counts = [['src-win', facts.tasks.filter(({ task }) => task.stage === 'src').length] as const];
  return [{ stage: 'win', partition: 0, message: claimsOf(facts.now, list, counts) }];
}

describe("the pump's foresight", () => {
  const source = fc.record({
    watermark: fc.option(fc.integer({ min: 1, max: 5_000 })),
    lastArrival: fc.nat(3_000),
    lags: fc.boolean(),
    done: fc.boolean(),
  });
  const world = fc.record({
    sources: fc.array(source, { minLength: 1, maxLength: 4 }),
    policy: fc.constantFrom('advance' as const, 'exclude' as const, 'hold' as const),
    after: fc.nat(2_000),
    drift: fc.nat(2_000),
    steps: fc.constantFrom(1, 500, 'every' as const),
    timer: fc.nat(6_000),
    now: fc.integer({ min: 3_000, max: 6_000 }),
  });

  it('16: what it claims lets the timer fire, and what it keeps to itself would not', () => {
    fc.assert(
      fc.property(world, ({ sources, policy, after, drift, steps, timer, now }) => {
        const tasks = sources.map(({ watermark, lastArrival, lags, done }, i) =>
          taskOf(
            `src#${i}`,
            { nextOffset: 10, source: sourceOf({ ...(watermark === null ? {} : { watermark }), lastArrival, done }) },
            { end: lags ? 11 : 10 },
          ),
        );
        const facts = roundOf(
          planOf({ src: { idle: { policy, after, drift }, bound: 10 } }, [['src', 'win', steps]]),
          [...tasks, taskOf('win#0', { eventTimer: timer })],
          { now, skew: 5 },
        );
        const list = claims(facts);
        const all = everythingThatMayBeClaimed(facts);
        if (list.length > 0) expect(receiver(facts, list)).toBeGreaterThanOrEqual(timer);
        else if ((receiver(facts, []) ?? MIN_TIME) < timer) {
          expect(receiver(facts, all) ?? MIN_TIME).toBeLessThan(timer);
        }
      }),
      { numRuns: 1_000 },
    );
  });
});
