import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { bundle } from '../../cdk/constructs/code-bundle.ts';
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
  bundle(entry, topics, one);

  it('is the same wherever and whenever it is made', () => {
    const two = folder();
    bundle(entry, topics, two);
    expect(contents(two)).toEqual(contents(one));
    expect(Object.keys(contents(one))).toEqual(expect.arrayContaining(['controller.mjs', 'stage.mjs']));
    expect(Object.values(contents(one)).join('')).not.toContain(`${tmpdir()}/`);
  });

  it('holds the topics of the deployment', () => {
    const other = folder();
    bundle(entry, { ...topics, sinks: { counts: { topic: 'elsewhere' }, 'busy-pages': { topic: 'busy' } } }, other);
    expect(Object.values(contents(other)).join('')).toContain('elsewhere');
    expect(Object.values(contents(one)).join('')).toContain('web-clicks');
  });

  it.each(['stage', 'controller'])(
    'has a %s that runs without any package beside it, and says what is not there yet',
    (module) => {
      expect(call(one, module, environment)).toBe(
        'unavailable: a deployed function cannot reach Kafka, DynamoDB and S3 yet',
      );
    },
  );

  it('looks for no input that is where it was made', () => {
    const flights = folder();
    bundle(join(import.meta.dirname, '../../examples/flights/pipeline.ts'), topics, flights);
    const threw = call(flights, 'stage', { ...environment, [variables.pipeline]: 'flight-delays' });
    expect(threw).toMatch(/^(unavailable|invalid-pipeline): /);
    expect(threw).not.toMatch(/vega-datasets|cannot find/i);
  });

  it('says which settings it lacks', () => {
    expect(call(one, 'stage', {})).toContain(
      `invalid-pipeline: the function's environment lacks ${variables.pipeline}`,
    );
  });
});
