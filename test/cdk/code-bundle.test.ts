import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { bundle } from '../../cdk/constructs/code-bundle.ts';
import { ModuleGraph } from '../../cdk/constructs/module-graph.ts';
import { variables } from '../../functions/settings.ts';
import { entry, topics } from './template.ts';

const made: string[] = [];
const folder = (): string => {
  made.push(mkdtempSync(join(tmpdir(), 'millrace-test-bundle-')));
  return made.at(-1) as string;
};
afterAll(() => {
  for (const path of made) rmSync(path, { recursive: true });
});

const contents = (path: string): Record<string, string> =>
  Object.fromEntries(readdirSync(path).map((name) => [name, readFileSync(join(path, name), 'utf8')]));

/** Megabytes that differ are not to be printed. */
const hashes = (path: string): Record<string, string> =>
  Object.fromEntries(
    Object.entries(contents(path)).map(([name, text]) => [name, createHash('sha256').update(text).digest('hex')]),
  );

const partsOf = (module: string) => ({
  entry: module,
  topics,
  modules: new ModuleGraph(module),
  hashes: { clicks: 'c0' },
});
const parts = partsOf(entry);

const environment = {
  [variables.pipeline]: 'clicks',
  [variables.stage]: 'per-minute',
  [variables.table]: 't',
  [variables.bucket]: 'b',
  [variables.brokers]: 'b:9096',
};

/** Calls a handler of a bundle in a process of its own, far from the project's packages; returns what it threw. */
function call(path: string, module: string, env: Readonly<Record<string, string>>): string {
  const script = `import('./${module}.mjs').then((m) => m.handler({ ring: [] }, { getRemainingTimeInMillis: () => 1e5 })).catch((e) => console.log(e.kind + ': ' + e.message))`;
  return execFileSync(process.execPath, ['-e', script], { cwd: path, env, encoding: 'utf8' }).trim();
}

describe('the bundle of a pipeline', () => {
  const one = folder();
  bundle(parts, one);

  it('is the same wherever and whenever it is made', () => {
    const two = folder();
    bundle(parts, two);
    expect(hashes(two)).toEqual(hashes(one));
    expect(Object.keys(contents(one))).toEqual(expect.arrayContaining(['controller.mjs', 'stage.mjs']));
    expect(Object.values(contents(one)).join('')).not.toContain(`${tmpdir()}/`);
  });

  it('holds what its code counts by', () => {
    expect(Object.values(contents(one)).join('')).toContain('"c0"');
  });

  it('holds the topics of the deployment', () => {
    const other = folder();
    bundle(
      { ...parts, topics: { ...topics, sinks: { counts: { topic: 'elsewhere' }, 'busy-pages': { topic: 'busy' } } } },
      other,
    );
    expect(Object.values(contents(other)).join('')).toContain('elsewhere');
    expect(Object.values(contents(one)).join('')).toContain('web-clicks');
  });

  it.each(['stage', 'controller'])(
    'has a %s that runs without any package beside it, and says what it cannot reach',
    (module) => {
      expect(call(one, module, environment)).toContain('unavailable: no region is given');
    },
  );

  it('looks for no input that is where it was made', () => {
    const flights = folder();
    bundle(partsOf(join(import.meta.dirname, '../../examples/flights/pipeline.ts')), flights);
    const threw = call(flights, 'stage', { ...environment, [variables.pipeline]: 'flight-delays' });
    expect(threw).toMatch(/^(unavailable|invalid-pipeline): /);
    expect(threw).not.toMatch(/vega-datasets|cannot find/i);
  });

  it('says which settings it lacks', () => {
    expect(call(one, 'stage', {})).toMatch(/invalid-pipeline: the function's environment .*lacks MILLRACE_PIPELINE/);
  });
});
