/** Runs scenarios from a shell: `node test/simulation/main.ts --scenario rolling --seed 17`, or `--seeds 1000` from that seed on. */
import { parseArgs } from 'node:util';
import { SeededRandom } from '../../lib/testing/index.ts';
import { simulate } from '../../lib/testing/simulation/index.ts';
import { scenarios } from './scenarios/index.ts';

const { values } = parseArgs({
  options: {
    scenario: { type: 'string' },
    seed: { type: 'string', default: '1' },
    seeds: { type: 'string', default: '1' },
    story: { type: 'boolean', default: false },
  },
});
const first = Number(values.seed);
const count = Number(values.seeds);
const chosen = scenarios.filter(({ name }) => values.scenario === undefined || name === values.scenario);
for (const scenario of chosen) {
  const begun = performance.now();
  const kinds = new Map<string, number[]>();
  for (let seed = first; seed < first + count; seed++) {
    const report = await simulate(seed, scenario.make(new SeededRandom(`${scenario.name} ${seed}`)), {
      tell: values.story,
    });
    if (values.story) console.log(report.story.join('\n'));
    if (count === 1) console.log(`${report.length / 1000} s simulated, ${report.faults.length} faults`);
    if (report.violation === undefined) continue;
    const { invariant, message } = report.violation;
    const seeds = kinds.get(invariant) ?? [];
    if (seeds.length < 3) console.log(`${scenario.name} seed ${seed}: ${invariant}: ${message}`);
    kinds.set(invariant, [...seeds, seed]);
  }
  const took = (performance.now() - begun) / count;
  const red = [...kinds.values()].reduce((n, seeds) => n + seeds.length, 0);
  console.log(`${scenario.name}: ${count} seeds, ${red} red, ${took.toFixed(1)} ms each`);
  for (const [invariant, seeds] of kinds)
    console.log(`  ${seeds.length} x ${invariant}: ${seeds.slice(0, 8).join(' ')}`);
  if (red > 0) process.exitCode = 1;
}
