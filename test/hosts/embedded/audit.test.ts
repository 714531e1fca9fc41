import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { MemoryBlobStore, MemoryCommitStore, MemoryLog } from '../../../lib/adapters/memory/index.ts';
import { ManualClock, SeededRandom } from '../../../lib/adapters/simulated/index.ts';
import { recordingTelemetry } from '../../../lib/adapters/telemetry/index.ts';
import { EmbeddedRun } from '../../../lib/hosts/embedded/index.ts';
import { collection, minutes, pipeline, toMemory } from '../../../lib/index.ts';

describe('the audit', () => {
  it('15: stops a run whose log has lost what was acknowledged last, within an hour', async () => {
    const clock = new ManualClock();
    const log = new MemoryLog(clock);
    const append = log.append.bind(log);
    log.append = (entries) => append(entries.filter(({ partition }) => partition !== 1));
    const built = pipeline(
      'audited',
      (p) => {
        p.source('in', collection(['a', 'b', 'c', 'd', 'e', 'f']))
          .keyBy('by-itself', (letter) => letter)
          .reduce('first', (first) => first)
          .to('out', toMemory());
      },
      { parallelism: 2 },
    );
    const run = await EmbeddedRun.open(
      built,
      {
        log,
        commits: new MemoryCommitStore({ volatile: true }),
        blobs: new MemoryBlobStore(),
        atomic: undefined,
        clock,
        random: new SeededRandom(1),
        telemetry: recordingTelemetry(),
      },
      { durable: false, runId: 'run' },
    );
    let ended = false;
    const end = run.run().finally(() => {
      ended = true;
    });
    for (let minute = 0; minute < 70 && !ended; minute++) {
      for (let i = 0; i < 20; i++) await turn();
      clock.advance(minutes(1));
    }
    expect(await end).toMatchObject({
      kind: 'failed',
      error: { kind: 'data-lost', message: /are lost: sent as far as/ },
    });
  });
});
