/** What a seed decides before a life begins: sizes, and how much goes wrong. */
import type { SeededRandom } from '../../adapters/simulated/index.ts';
import { type FaultRates, noFaults } from './dice.ts';
import type { SimSizes } from './world.ts';

/** Sizes of an undisturbed life: one process, a record at a time. */
export const calmSizes: SimSizes = {
  ...{ processes: 1, slots: 32, inlineBytes: 200_000, maxMessageBytes: 1_000_000 },
  ...{ batchMessages: 1, sourceRows: 1, deviation: 0, pumpPeriod: 5_000, deliveryDelay: 2 },
};

export function drawSizes(draw: SeededRandom): SimSizes {
  const one = (...values: readonly number[]): number => values[draw.below(values.length)]!;
  return {
    processes: one(1, 2, 2, 3, 4),
    slots: one(4, 7, 12, 16),
    inlineBytes: one(100, 300, 1_000, 200_000),
    maxMessageBytes: one(450, 700, 2_000, 1_000_000),
    batchMessages: one(2, 5, 20),
    sourceRows: one(2, 6, 50),
    deviation: one(0, 0, 50, 800),
    pumpPeriod: one(2_000, 5_000, 10_000),
    deliveryDelay: one(20, 300, 2_000),
  };
}

/** Sizes of lives whose steps are written in groups. */
export function drawGroupSizes(draw: SeededRandom): Partial<SimSizes> {
  return { processes: 1, flushEvery: [30, 400, 3_000, 20_000][draw.below(4)]! };
}

/** Shares of faults, each kind from none to its most; `factors` multiply them. */
export function drawRates(draw: SeededRandom, factors: Partial<FaultRates> = {}): FaultRates {
  const rates = { ...noFaults } as Record<keyof FaultRates, number>;
  const greatest: FaultRates = {
    ...{ crash: 0.01, pause: 0.02, fail: 0.02, lost: 0.02, late: 0.02, torn: 0.15 },
    ...{ skip: 0.15, rewind: 0.15, twice: 0.15, secondController: 0.3, garbage: 0.4 },
  };
  const storm = draw.next() < 0.12 ? 3 : 1;
  for (const kind of Object.keys(rates) as (keyof FaultRates)[]) {
    const share = draw.next();
    rates[kind] = (share < 0.25 ? 0 : share ** 2) * greatest[kind] * storm * (factors[kind] ?? 1);
  }
  return rates;
}
