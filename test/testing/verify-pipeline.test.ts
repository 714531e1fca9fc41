import { describe, expect, it } from 'vitest';
import { collection, toMemory } from '../../lib/adapters/memory-connectors/index.ts';
import { epochSeconds, seconds } from '../../lib/model/index.ts';
import { count, tumbling } from '../../lib/operators/index.ts';
import { boundedOutOfOrderness, pipeline } from '../../lib/pipeline/index.ts';
import { verifyPipeline } from '../../lib/testing/index.ts';

interface Beat {
  readonly machine: string;
  readonly at: number;
}

const beats = Array.from({ length: 30 }, (_, i): Beat => ({ machine: `m${i % 3}`, at: i * 2 - (i % 4) }));

function counts(tag: (beat: Beat) => Beat) {
  return pipeline(
    'beats',
    (p) => {
      p.source('beats', collection<Beat>([]), {
        eventTime: (beat) => epochSeconds(beat.at + 10),
        watermark: boundedOutOfOrderness(seconds(5)),
      })
        .map('tag', tag)
        .keyBy('by-machine', (beat) => beat.machine)
        .window(tumbling(seconds(10)))
        .aggregate('per-window', { count: count() })
        .to('counts', toMemory());
    },
    { parallelism: 2 },
  );
}

describe('verifyPipeline', () => {
  it('passes a pipeline that depends on nothing but its input', async () => {
    await verifyPipeline({ build: () => counts((beat) => beat), rows: { beats }, seeds: 8 });
  });

  it('passes one whose source has several partitions', async () => {
    const rows = { beats: [beats.slice(0, 12), beats.slice(12)] };
    await verifyPipeline({ build: () => counts((beat) => beat), rows, seeds: 8 });
  });

  it('finds out code that remembers in a variable, and tells the seed and a story', async () => {
    let calls = 0;
    const forgetful = (beat: Beat): Beat => ({ ...beat, machine: `m${calls++ % 2}` });
    const verified = verifyPipeline({ build: () => counts(forgetful), rows: { beats }, seeds: 20 });
    await expect(verified).rejects.toMatchObject({
      kind: 'operator-failed',
      message: expect.stringMatching(/simulated life of seed \d+ .*VIOLATION/s),
    });
  });
});
