/**
 * Runs scenarios from a shell: `node test/simulation/main.ts --scenario rolling --seed 17`, or `--seeds 1000` from that seed on. `--until-red` ends at the first
 * seed that fails and prints it as JSON; `--shrink` makes that one smaller and tells its story.
 */
import { parseArgs } from 'node:util';
import { noFaults } from '../../lib/testing/simulation/index.ts';
import { liveOf, smallestOf } from './life.ts';
import { scenarios } from './scenarios/index.ts';

const { values } = parseArgs({
  options: {
    scenario: { type: 'string', multiple: true },
    seed: { type: 'string', default: '1' },
    seeds: { type: 'string', default: '1' },
    story: { type: 'boolean', default: false },
    'until-red': { type: 'boolean', default: false },
    shrink: { type: 'boolean', default: false },
    /** `--more torn=5`: that fault five times as often. */
    more: { type: 'string', multiple: true, default: [] },
  },
});
const first = Number(values.seed);
const count = Number(values.seeds);
const more = Object.fromEntries(
  values.more.map((each) => {
    const [kind, times] = each.split('=');
    if (kind === undefined || !(kind in noFaults)) throw new RangeError(`there is no fault "${kind}"`);
    return [kind, Number(times)];
  }),
);
const chosen = scenarios.filter(({ name }) => values.scenario?.includes(name) ?? true);
if (chosen.length === 0) throw new RangeError(`there is no such scenario; there are: ${scenarios.map((s) => s.name)}`);

async function untilRed(): Promise<void> {
  for (let seed = first; seed < first + count; seed++) {
    for (const scenario of chosen) {
      const { violation } = await liveOf(scenario, seed, { more });
      if (violation === undefined) continue;
      console.log(JSON.stringify({ scenario: scenario.name, seed, ...violation }));
      process.exit(1);
    }
  }
}

async function all(): Promise<void> {
  for (const scenario of chosen) {
    const begun = performance.now();
    const kinds = new Map<string, number[]>();
    for (let seed = first; seed < first + count; seed++) {
      const report = await liveOf(scenario, seed, { more, tell: values.story });
      if (values.story) console.log(report.story.join('\n'));
      if (count === 1) console.log(`${report.length / 1000} s simulated, ${report.faults.length} faults`);
      if (report.violation === undefined) continue;
      const { invariant, message } = report.violation;
      const seeds = kinds.get(invariant) ?? [];
      if (seeds.length < 3) console.log(`${scenario.name} seed ${seed}: ${invariant}: ${message}`);
      kinds.set(invariant, [...seeds, seed]);
      if (values.shrink) console.log(await smallestOf(scenario, seed));
    }
    const took = (performance.now() - begun) / count;
    const red = [...kinds.values()].reduce((n, seeds) => n + seeds.length, 0);
    console.log(`${scenario.name}: ${count} seeds, ${red} red, ${took.toFixed(1)} ms each`);
    for (const [invariant, seeds] of kinds)
      console.log(`  ${seeds.length} x ${invariant}: ${seeds.slice(0, 8).join(' ')}`);
    if (red > 0) process.exitCode = 1;
  }
}

await (values['until-red'] ? untilRed() : all());
