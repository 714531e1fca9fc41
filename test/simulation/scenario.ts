import type { SeededRandom } from '../../lib/testing/index.ts';
import type { SimSpec } from '../../lib/testing/simulation/index.ts';

/** A pipeline and its rows, drawn from a seed. */
export interface Scenario {
  readonly name: string;
  make(random: SeededRandom): SimSpec;
}
