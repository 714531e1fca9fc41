import { SeededRandom } from '../../lib/testing/index.ts';
import { type FaultRates, type SimReport, shrink, simulate } from '../../lib/testing/simulation/index.ts';
import type { Scenario } from './scenario.ts';

const specOf = ({ name, make }: Scenario, seed: number) => make(new SeededRandom(`${name} ${seed}`));

export interface LifeOptions {
  readonly tell?: boolean;
  /** How many times as often faults happen. */
  readonly more?: Partial<FaultRates>;
}

/** A scenario's life by a seed. */
export function liveOf(scenario: Scenario, seed: number, { tell = false, more }: LifeOptions = {}): Promise<SimReport> {
  const spec = specOf(scenario, seed);
  return simulate(seed, more === undefined ? spec : { ...spec, faults: { ...spec.faults, ...more } }, { tell });
}

/** What to say of a seed that failed: what fails, how to repeat it, and the smallest life in which the same fails. */
export async function smallestOf(scenario: Scenario, seed: number): Promise<string> {
  const { report, sources, tries } = await shrink(seed, () => specOf(scenario, seed));
  const rows = Object.entries(sources).map(
    ([id, { partitions }]) => `${id}: ${partitions.map((list) => list.length).join(' + ')}`,
  );
  return [
    `${report.violation?.invariant}: ${report.violation?.message}`,
    `repeat: node test/simulation/main.ts --scenario ${scenario.name} --seed ${seed} --story`,
    `smallest life found in ${tries} tries, with rows of ${rows.join(', ')} and ${report.faults.length} faults:`,
    ...report.faults.map((fault) => `  ${fault}`),
    'its story:',
    ...report.story.slice(-300),
  ].join('\n');
}
