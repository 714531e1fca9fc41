/** `npm run bench`: measures the engine beside plain loops, each run in a process of its own on one core. Changes nothing but its cache of input. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ServiceMissing } from '../../scripts/services/service.ts';
import type { Case, Comparison, Done, Figure, Measurement } from './case.ts';
import { cases } from './cases.ts';
import { stopBroker } from './kafka-broker.ts';
import { stopStores } from './real-stores.ts';

interface Run extends Done {
  /** Milliseconds. */
  readonly wall: number;
  readonly cpu: number;
  readonly megabytes: number;
}

const { values: options } = parseArgs({
  options: {
    case: { type: 'string', short: 'c', multiple: true },
    records: { type: 'string', short: 'n' },
    runs: { type: 'string', short: 'r', default: '3' },
    profile: { type: 'string' },
    json: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
});

const help = `npm run bench -- [options]

  -c, --case <text>    only cases whose name contains the text; may be repeated
  -n, --records <n>    records (or keys) of each case; default 3,000,000, or what a case says
  -r, --runs <n>       runs of each side, in alternation; the median counts; default 3
      --profile <dir>  write CPU profiles of the engine's side there
      --json           one JSON object a case
      --list           names of the cases
`;

/** At Ctrl-C the child ends, and what it left is removed. */
process.once('SIGINT', () => {});
const onOneCore = spawnSync('taskset', ['-c', '0', 'true']).status === 0;
if (options.help) process.stdout.write(help);
else if (options.list) for (const { name } of cases) print(name);
else {
  try {
    await main(cases.filter(({ name }) => options.case?.some((text) => name.includes(text)) ?? true));
  } finally {
    await stopBroker();
    await stopStores();
  }
}

async function main(chosen: readonly Case[]): Promise<void> {
  const comparisons = chosen.filter((c) => c.kind === 'comparison');
  const measurements = chosen.filter((c) => c.kind === 'measurement');
  print(
    `node ${process.version}, ${onOneCore ? 'on one core' : 'not bound to a core'}, median of ${options.runs} runs`,
  );
  if (comparisons.length > 0) {
    print(row('case', 'millrace/s', 'plain/s', 'ratio', 'by CPU', 'target', 'MB', 'plain MB'));
    for (const comparison of comparisons) await compare(comparison);
  }
  for (const measurement of measurements) await measure(measurement);
}

/** Whether a case can be measured here; says so if not. */
async function isPrepared(of: Case, records: number): Promise<boolean> {
  try {
    await of.prepare?.(records);
    return true;
  } catch (thrown) {
    if (!(thrown instanceof ServiceMissing)) throw thrown;
    print(`${of.name}: left out: ${thrown.message}`);
    return false;
  }
}

/** Both sides in alternation. */
async function compare(comparison: Comparison): Promise<void> {
  const records = Number(options.records ?? comparison.records ?? 3_000_000);
  if (!(await isPrepared(comparison, records))) return;
  const engine: Run[] = [];
  const plain: Run[] = [];
  for (let i = 0; i < Number(options.runs); i++) {
    plain.push(child(comparison, 'plain', records) as Run);
    engine.push(child(comparison, 'millrace', records) as Run);
  }
  for (const run of [...engine, ...plain]) {
    if (run.records === records && run.out === plain[0]?.out) continue;
    throw new Error(`${comparison.name}: the sides did not do the same: ${JSON.stringify({ engine, plain })}`);
  }
  const rate = (runs: readonly Run[]): number => (records / median(runs.map((run) => run.wall))) * 1_000;
  const ratio = rate(engine) / rate(plain);
  const byCpu = median(plain.map((run) => run.cpu)) / median(engine.map((run) => run.cpu));
  const memory = [engine, plain].map((runs) => median(runs.map((run) => run.megabytes)));
  const { name, target } = comparison;
  if (options.json)
    print(JSON.stringify({ name, records, millrace: rate(engine), plain: rate(plain), ratio, byCpu, target }));
  else {
    print(
      row(
        name,
        thousands(rate(engine)),
        thousands(rate(plain)),
        ratio.toFixed(2),
        byCpu.toFixed(2),
        `${target.toFixed(2)} ${ratio >= target ? 'met' : 'missed'}`,
        ...memory.map((megabytes) => megabytes.toFixed(0)),
      ),
    );
  }
}

async function measure(measurement: Measurement): Promise<void> {
  const records = Number(options.records ?? measurement.records);
  if (!(await isPrepared(measurement, records))) return;
  const { figures } = child(measurement, 'millrace', records) as { readonly figures: readonly Figure[] };
  if (options.json) {
    print(JSON.stringify({ name: measurement.name, records, figures }));
    return;
  }
  print(`\n${measurement.name} (${thousands(records)})`);
  for (const { what, value, unit, target, met } of figures) {
    const wanted = target === undefined ? '' : `   ${target}${met === undefined ? '' : met ? ' met' : ' missed'}`;
    print(`  ${what.padEnd(52)} ${thousands(value).padStart(12)} ${unit}${wanted}`);
  }
}

function child(of: Case, side: 'millrace' | 'plain', records: number): unknown {
  const dir = mkdtempSync(join(tmpdir(), 'millrace-bench-'));
  const profile =
    options.profile === undefined || side === 'plain' ? [] : ['--cpu-prof', '--cpu-prof-dir', options.profile];
  const command = [
    process.execPath,
    '--expose-gc',
    ...profile,
    join(import.meta.dirname, 'child.ts'),
    of.name,
    side,
    String(records),
    dir,
  ];
  const [file, ...args] = onOneCore ? ['taskset', '-c', '0', ...command] : command;
  try {
    const { status, stdout, stderr } = spawnSync(file as string, args, { encoding: 'utf8', maxBuffer: 2 ** 26 });
    if (status !== 0) throw new Error(`${of.name}, ${side}: ${stderr}${stdout}`);
    return JSON.parse(stdout.trimEnd().split('\n').at(-1) as string);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1
    ? (sorted[middle] as number)
    : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
}

function row(name: string, ...cells: readonly string[]): string {
  return `${name.padEnd(44)}${cells.map((cell) => cell.padStart(13)).join('')}`;
}

function thousands(n: number): string {
  return n.toLocaleString('en', { maximumFractionDigits: n < 100 ? 2 : 0 });
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
