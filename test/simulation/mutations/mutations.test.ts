import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { scenarios } from '../scenarios/index.ts';
import { directed } from './directed.ts';
import { inexpressible } from './inexpressible.ts';
import { type Mutation, mutated } from './mutation.ts';
import { mutations } from './mutations.ts';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const SEEDS = 150;
/** Child processes at once. */
const LANES = 2;
const MOST_SECONDS = 60;

/** What a child process says of the first seed that is red. */
interface Red {
  readonly scenario?: string;
  readonly seed?: number;
  readonly invariant: string;
  readonly message: string;
}

let free = LANES;
const waiting: (() => void)[] = [];

async function inLane<T>(work: () => Promise<T>): Promise<T> {
  if (free === 0) await new Promise<void>((resolve) => waiting.push(resolve));
  else free--;
  try {
    return await work();
  } finally {
    const next = waiting.shift();
    if (next === undefined) free++;
    else next();
  }
}

function argumentsFor({ scenarios: names = [], seeds = SEEDS, more = {}, directed: test }: Mutation): string[] {
  const hook = ['--import', './test/simulation/mutations/load-hook.ts'];
  if (test !== undefined) return [...hook, 'test/simulation/mutations/directed-main.ts', test];
  return [
    ...[...hook, 'test/simulation/main.ts', '--until-red', '--seeds', String(seeds)],
    ...names.flatMap((name) => ['--scenario', name]),
    ...Object.entries(more).flatMap(([fault, times]) => ['--more', `${fault}=${times}`]),
  ];
}

/** Runs a mutation; resolves to what was noticed, or undefined if nothing was. */
function noticed(mutation: Mutation): Promise<Red | undefined> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, argumentsFor(mutation), {
      cwd: root,
      env: { ...process.env, MILLRACE_MUTATION: mutation.name },
      timeout: MOST_SECONDS * 1_000,
    });
    let [said, complained] = ['', ''];
    child.stdout.on('data', (text) => {
      said += text;
    });
    child.stderr.on('data', (text) => {
      complained += text;
    });
    child.on('error', reject);
    child.on('close', (code, signal) => {
      const [line] = said.split('\n').filter((each) => each.startsWith('{'));
      if (code === 0) resolve(undefined);
      else if (line !== undefined) resolve(JSON.parse(line));
      else reject(new Error(`ended with ${code ?? signal}: ${said}${complained}`));
    });
  });
}

describe('the simulator notices when a rule is broken:', () => {
  for (const mutation of mutations) {
    it.concurrent(mutation.name, { timeout: 600_000 }, async () => {
      const red = await inLane(() => noticed(mutation));
      if (red === undefined) expect.fail('all seeds stay green');
      expect(red.message).not.toMatch(/SyntaxError|ReferenceError|TypeError/);
    });
  }

  for (const { rule, because } of inexpressible) it(rule, (context) => context.skip(because));
});

describe('mutations', () => {
  it('find what they replace exactly once', async () => {
    for (const { edits } of mutations) {
      for (const file of new Set(edits.map((edit) => edit.file))) {
        const text = await readFile(`${root}${file}`, 'utf8');
        expect(mutated(file, text, edits)).not.toBe(text);
      }
    }
  });

  it('have names of their own, and scenarios or directed tests that exist', () => {
    expect(new Set(mutations.map(({ name }) => name)).size).toBe(mutations.length);
    for (const { scenarios: names = [], directed: test } of mutations) {
      expect(names.length > 0).toBe(test === undefined);
      for (const name of names) expect(scenarios.map((s) => s.name)).toContain(name);
      if (test !== undefined) expect(Object.keys(directed)).toContain(test);
    }
  });

  it.each(Object.entries(directed))('break nothing that "%s" does not find whole', async (_, test) => {
    await test();
  });
});
