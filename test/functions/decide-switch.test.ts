import { describe, expect, it } from 'vitest';
import { decideSwitch, type NewerCode } from '../../functions/code-switch.ts';
import type { CommitHeader, TaskFacts, TaskStatus } from '../../lib/protocol/index.ts';
import { header } from '../conformance/commit-store.ts';

const task = { stage: 's', partition: 0 };
const failure = { kind: 'operator-failed', message: 'x', at: 0 };
const stopped = (reason: 'failed' | 'lost'): TaskStatus => ({ kind: 'stopped', reason, failure, skip: [] });

function facts(more: Partial<CommitHeader>, isSource: boolean): TaskFacts {
  const source = {
    ...{ watermark: 0, lastArrival: 0, spoken: true, cursor: undefined, drainTo: undefined, handOver: undefined },
    ...{ done: false, sent: {} },
  };
  const head: CommitHeader = { ...header(3), task, epoch: 1, nextOffset: 5, status: { kind: 'ok' }, ...more };
  return {
    task,
    head: { ...head, source: isSource ? (more.source ?? source) : undefined },
    log: { id: 't', start: 0, end: 9, sealed: false },
  };
}

const newer = (known: readonly number[]): ReadonlyMap<string, NewerCode> =>
  new Map([['s', { epoch: 2, settledAt: 100, hasFunction: (epoch) => known.includes(epoch) }]]);

const decided = (each: TaskFacts, now: number, known: readonly number[] = [1, 2]) =>
  decideSwitch([each], newer(known), now).map(({ kind, at, until }) => ({ kind, at, until }));

describe('a task on its way to newer code', () => {
  it('is none where it has come to it, or was never born', () => {
    expect(decided(facts({ epoch: 2 }, true), 0)).toEqual([]);
    expect(decided({ ...facts({}, true), head: undefined }, 0)).toEqual([]);
  });

  it('behind an exchange goes up to a barrier', () => {
    expect(decided(facts({}, false), 0)).toMatchObject([{ kind: 'barrier' }]);
  });

  it('of a source stands still, is handed over at its end, and goes up to there', () => {
    expect(decided(facts({}, true), 99)).toMatchObject([{ kind: 'hold', until: 100 }]);
    expect(decided(facts({}, true), 100)).toMatchObject([{ kind: 'hand-over', at: 9 }]);
    const source = { ...facts({}, true).head!.source!, handOver: { at: 7, epoch: 2 } };
    expect(decided(facts({ source }, true), 100)).toMatchObject([{ kind: 'finish', at: 7 }]);
  });

  it('of a source whose end nobody knows is handed over beyond what a step can have read', () => {
    const unknown = { ...facts({}, true), log: { id: 't', start: 0, end: undefined, sealed: false } };
    expect(decided(unknown, 100)).toMatchObject([{ kind: 'hand-over', at: 5 + 2 * 8_192 }]);
    expect(decided({ ...unknown, log: undefined }, 100)).toMatchObject([{ kind: 'hold' }]);
  });

  it('in a pause is handed over where reading had ceased, once that is known', () => {
    const inPause = (pausedEnds: Record<string, number> | undefined) =>
      decideSwitch([facts({}, true)], newer([1]), 100, { pausedAt: 1, pausedEnds });
    expect(inPause(undefined)).toMatchObject([{ kind: 'hold' }]);
    expect(inPause({ 's/0': 6 })).toMatchObject([{ kind: 'hand-over', at: 6 }]);
    expect(inPause({ 's/0': 2 })).toMatchObject([{ kind: 'hand-over', at: 5 }]);
  });

  it('goes on with the newer code where the older has stopped for what can be mended', () => {
    expect(decided(facts({ status: stopped('failed') }, false), 0)).toMatchObject([{ kind: 'stopped' }]);
    expect(decided(facts({ status: stopped('lost') }, false), 0)).toMatchObject([{ kind: 'stuck' }]);
  });

  it('is stuck where nobody has the older code', () => {
    expect(decided(facts({}, false), 0, [2])).toMatchObject([{ kind: 'stuck' }]);
    expect(decided(facts({}, true), 200, [2])).toMatchObject([{ kind: 'stuck' }]);
  });
});
