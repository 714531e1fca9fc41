import { expect, it } from 'vitest';
import { pipeline, toMemory } from '../../lib/index.ts';
import { openRun } from '../../lib/runtime/index.ts';
import { Feed } from '../../lib/testing/index.ts';
import { framesIn, taskOf, testPorts } from './stage.ts';

it('sends nothing of what a source has read when the process may not count as its owner any more', async () => {
  const ports = testPorts();
  const feed = new Feed<number>(1, () => ports.clock.now());
  const out = toMemory<number>();
  const built = pipeline(
    'owned',
    (p) =>
      p
        .source('in', feed)
        .rebalance('spread')
        .map('same', (n) => n)
        .to('out', out),
    {
      parallelism: 1,
    },
  );
  let isCurrent = true;
  const run = await openRun(built, ports, {
    ...{ durable: true, runId: 'run', signal: new AbortController().signal },
    isCurrent: () => isCurrent,
  });
  const source = taskOf(run, 'in');
  feed.push(0, [1]);
  expect(await source.ring()).toMatchObject({ kind: 'advanced', nextOffset: 1 });
  const before = await framesIn(ports, 'owned.same');
  feed.push(0, [2, 3]);
  isCurrent = false;
  expect(await source.ring()).toEqual({ kind: 'lost' });
  expect(await framesIn(ports, 'owned.same')).toEqual(before);
  isCurrent = true;
  expect(await source.ring()).toMatchObject({ kind: 'advanced', nextOffset: 3 });
  expect((await framesIn(ports, 'owned.same')).flatMap(({ values }) => values)).toEqual([1, 2, 3]);
});
