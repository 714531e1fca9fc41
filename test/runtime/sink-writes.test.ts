import { setImmediate as turn } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { collection, fixedDelay, milliseconds, pipeline } from '../../lib/index.ts';
import type { SinkConnector } from '../../lib/ports/index.ts';
import { opened, taskOf, testPorts } from './stage.ts';

function toTest(write: () => Promise<null>, close: () => void): SinkConnector<unknown> {
  const open = async () => ({ write, finish: async () => {}, close: async () => close() });
  return { kind: 'test', options: {}, guarantee: 'at-least-once', single: false, open };
}

it('a sink is not closed while it writes because another one of its step has failed', async () => {
  const told: string[] = [];
  const failing = toTest(
    async () => {
      throw new Error('not now');
    },
    () => {},
  );
  const slow = toTest(
    async () => {
      told.push('begins');
      await turn();
      await turn();
      told.push('ends');
      return null;
    },
    () => told.push('closed'),
  );
  const built = pipeline(
    'two',
    (p) => {
      const rows = p.source('in', collection([1]));
      rows.to('failing', failing);
      rows.to('slow', slow);
    },
    { restart: fixedDelay(3, milliseconds(1)) },
  );
  const run = await opened(built, testPorts());
  await taskOf(run, 'in').ring();
  expect(told).toEqual(['begins', 'ends', 'closed']);
});
