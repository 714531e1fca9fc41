/** Tables in simulated lives: processes crash, pause, come back as zombies; stores fail; messages come twice. */
import { describe, expect, it } from 'vitest';
import {
  boundedOutOfOrderness,
  collection,
  count,
  epochMillis,
  milliseconds,
  pipeline,
  toMemory,
  tumbling,
  untilTimeLimit,
  untilWindowCloses,
} from '../../../lib/index.ts';
import { SeededRandom, verifyPipeline } from '../../../lib/testing/index.ts';

interface Event {
  readonly at: number;
  readonly side: 'record' | 'row';
  readonly key: string;
  readonly n: number | null;
}

const random = new SeededRandom(11);
const events = Array.from(
  { length: 50 },
  (_, i): Event => ({
    at: 1_000 + i * 10 - random.below(40),
    side: random.next() < 0.5 ? 'record' : 'row',
    key: `k${random.below(3)}`,
    n: random.next() < 0.2 ? null : random.below(9),
  }),
);

const built = () =>
  pipeline(
    'crashing',
    (p) => {
      const input = p.source('in', collection<Event>([]), {
        eventTime: ({ at }) => epochMillis(at),
        watermark: boundedOutOfOrderness(milliseconds(40)),
      });
      const keyed = input.keyBy('by-key', ({ key }) => key);
      const records = keyed.filter(({ side }) => side === 'record');
      const changes = keyed.filter(({ side }) => side === 'row');
      const rows = changes.toTable('rows', ({ n }) => n);
      records.join('joined', rows, ({ at }, n) => [at, n]).to('joined-out', toMemory());
      records
        .leftTemporalJoin(
          'as-of',
          changes.toVersionedTable(({ n }) => n),
          ({ at }, n) => [at, n ?? null],
        )
        .to('as-of-out', toMemory());
      rows
        .suppress('calm', untilTimeLimit(milliseconds(100)))
        .changes()
        .to('calm-out', toMemory());
      records
        .window(tumbling(milliseconds(100)))
        .toTable('windows', count())
        .suppress('final', untilWindowCloses())
        .changes()
        .to('final-out', toMemory());
    },
    { parallelism: 2 },
  );

describe('tables under trouble', () => {
  it('come to what an undisturbed life comes to', async () => {
    await expect(verifyPipeline({ build: built, rows: { in: events }, seeds: 6 })).resolves.toBeUndefined();
  });
});
