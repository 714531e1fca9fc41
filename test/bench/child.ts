/** Runs one side of one case, alone in this process, and tells what it took: `child.ts <case> <side> <records> <empty folder>`. */
import { cases } from './cases.ts';

const [name, side, records, dir = '.'] = process.argv.slice(2);
const found = cases.find((c) => c.name === name);
if (found === undefined) throw new Error(`there is no case ${name}`);
const bench = { records: Number(records), dir };
if (found.kind === 'measurement') tell({ figures: await found.run(bench) });
else {
  const cpuBefore = process.cpuUsage();
  const before = performance.now();
  const done = side === 'plain' ? await found.plain(bench) : await found.millrace(bench);
  const wall = performance.now() - before;
  const cpu = process.cpuUsage(cpuBefore);
  const megabytes = process.resourceUsage().maxRSS / 1024;
  tell({ ...done, wall, cpu: (cpu.user + cpu.system) / 1_000, megabytes });
}

function tell(result: unknown): void {
  process.stdout.write(`\n${JSON.stringify(result)}\n`);
}
