import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { MemoryBlobStore } from '../../../lib/adapters/memory/index.ts';
import { ManualClock, SeededRandom } from '../../../lib/adapters/simulated/index.ts';
import { openSqliteStore } from '../../../lib/adapters/sqlite/index.ts';
import { recordingTelemetry } from '../../../lib/adapters/telemetry/index.ts';
import { collection, milliseconds, pipeline, toMemory } from '../../../lib/index.ts';
import { Controller, openRun } from '../../../lib/runtime/index.ts';
import { temporaryDirectory } from '../../conformance/adapters.ts';

it('15: the audit takes nothing for lost that was sent while it looked, in a step of the same version', async () => {
  const directory = await temporaryDirectory();
  const clock = new ManualClock();
  const store = openSqliteStore({ path: join(directory, 'state.db'), clock, flushEvery: milliseconds(100) });
  const built = pipeline(
    'audited',
    (p) => {
      p.source('in', collection(['a', 'b', 'c']))
        .keyBy('by-itself', (letter) => letter)
        .reduce('first', (first) => first)
        .to('out', toMemory());
    },
    { parallelism: 1 },
  );
  const ports = {
    ...{ log: store.log, commits: store.commits, atomic: store.atomic, blobs: new MemoryBlobStore() },
    ...{ clock, random: new SeededRandom(1), telemetry: recordingTelemetry() },
  };
  const { signal } = new AbortController();
  const run = await openRun(built, ports, { durable: true, runId: 'run', signal, limits: { sourceRows: 1 } });
  const [source, keyed] = run.tasks;
  for (let row = 0; row < 2; row++) {
    await source!.ring();
    await keyed!.ring();
  }
  const before = source!.state!.version;
  const log = run.sources.get('in')!;
  const bounds = log.bounds.bind(log);
  let looked = 0;
  log.bounds = async (partition) => {
    await turn();
    if (looked++ === 0) expect(await source!.ring()).toMatchObject({ kind: 'advanced', nextOffset: 3 });
    return bounds(partition);
  };
  const controller = new Controller(run, ports, { skew: milliseconds(0), grace: milliseconds(0) });
  expect(await controller.audit()).toEqual([]);
  expect([looked, source!.state!.version]).toEqual([1, before]);
  await run.close();
  store.close();
  await rm(directory, { recursive: true, force: true });
});
