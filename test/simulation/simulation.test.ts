import { describe, expect, it } from 'vitest';
import { liveOf, smallestOf } from './life.ts';
import { scenarios } from './scenarios/index.ts';

/** Lives per scenario: `MILLRACE_SEEDS=1000 npm test -- test/simulation`. Without it few enough for every run of all tests. */
const SEEDS = Number(process.env.MILLRACE_SEEDS ?? 50);

describe('a pipeline whose processes crash, pause, repeat and are repeated', () => {
  for (const scenario of scenarios) {
    it(`keeps all invariants in ${SEEDS} lives of "${scenario.name}"`, {
      timeout: 60_000 + SEEDS * 5_000,
    }, async () => {
      for (let seed = 1; seed <= SEEDS; seed++) {
        const { violation } = await liveOf(scenario, seed);
        if (violation !== undefined) expect.fail(`seed ${seed}: ${await smallestOf(scenario, seed)}`);
      }
    });
  }

  it('lives the same life again by the same seed', async () => {
    for (const scenario of scenarios) {
      const [first, again] = [await liveOf(scenario, 7, { tell: true }), await liveOf(scenario, 7, { tell: true })];
      expect(again.story).toEqual(first.story);
    }
  });
});
