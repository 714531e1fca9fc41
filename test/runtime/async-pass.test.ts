import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../lib/adapters/simulated/index.ts';
import { ALL, NOTHING } from '../../lib/model/index.ts';
import type { AsyncCalls } from '../../lib/operators/index.ts';
import type { LogMessage } from '../../lib/ports/index.ts';
import { Channels, type Frame } from '../../lib/protocol/index.ts';
import { type AsyncRow, asyncPass } from '../../lib/runtime/async-pass.ts';

const frame = (cause: number, values: readonly unknown[]): Frame => ({
  kind: 'frame',
  run: 'run',
  channel: { edge: 'e', task: 0 },
  channels: 1,
  epoch: 0,
  prev: NOTHING,
  thru: { cause, k: ALL },
  values: [...values],
  keys: undefined,
  times: values.map(() => 0),
  causes: values.map(() => cause),
  ks: values.map((_, k) => k),
  steps: [],
});
const messages = [frame(0, ['a', 'b']), frame(1, ['c', 'd']), frame(2, ['e'])].map(
  (message, offset) => ({ offset, time: 0, message }) as unknown as LogMessage,
);

describe('an asynchronous pass that the host stops', () => {
  it('says how many messages are complete, and goes on with what is left', async () => {
    const given: unknown[][] = [];
    let answers = 3;
    const calls: AsyncCalls = {
      async pass(records, { stopped }) {
        given.push(records.map(({ value }) => value));
        for (const { value, settle } of records.slice(0, answers)) settle(`${String(value)}!`);
        if (records.length > answers) await stopped;
      },
      close: async () => {},
    };
    const rows = new Map<number, AsyncRow>();
    const pass = (stop: AbortSignal) =>
      asyncPass(
        calls,
        { operator: 'ask', clock: new ManualClock(), stop, count: () => {} },
        messages,
        'run',
        new Channels([], 0),
        rows,
      );
    const stop = new AbortController();
    const first = pass(stop.signal);
    stop.abort();
    expect(await first).toBe(1);
    answers = 9;
    expect(await pass(new AbortController().signal)).toBe(3);
    expect(given).toEqual([
      ['a', 'b', 'c', 'd', 'e'],
      ['d', 'e'],
    ]);
    expect([...rows.values()].map(({ results }) => results)).toEqual([['a!', 'b!'], ['c!', 'd!'], ['e!']]);
    expect(await pass(new AbortController().signal)).toBe(3);
    expect(given).toHaveLength(2);
  });
});
