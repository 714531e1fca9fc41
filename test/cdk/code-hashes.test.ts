/** Pipelines in folders of their own, loaded as an app loads them: by Node, in a process for each. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const made: string[] = [];
afterAll(() => {
  for (const path of made) for (const each of [path, `${path}.out`]) rmSync(each, { recursive: true, force: true });
});

const files = {
  'pipeline.ts': `
    import { collection, pipeline, toMemory } from 'millrace';
    import { byPage } from './by-page.ts';
    import { isLong } from './is-long.ts';
    import { atLeast } from './at-least.ts';
    import { toOne } from './to-one.ts';
    const source = collection([{ page: 'a', size: 1 }]);
    export default pipeline('pages', (p) => {
      p.source('clicks', source)
        .filter('long', isLong)
        .keyBy('by-page', byPage)
        .map('upper', (record) => ({ ...record, page: record.page.toUpperCase() }))
        .partitionBy('spread', toOne)
        .filter('large', atLeast(5))
        .to('out', toMemory());
    }, { fusing: 'none' });`,
  'by-page.ts': 'export const byPage = (record: { page: string }): string => record.page;',
  'is-long.ts': `
    import { LENGTH } from './length.ts';
    import { shout } from 'shouting';
    export const isLong = ({ page }: { page: string }): boolean => shout(page).length > LENGTH;`,
  'length.ts': 'export const LENGTH = 3;',
  'at-least.ts':
    'export const atLeast = (least: number) => (record: { size: number }): boolean => record.size >= least;',
  'to-one.ts': 'export const toOne = (): number => 0;',
  'unrelated.ts': 'export const unrelated = 1;',
  'node_modules/shouting/package.json':
    '{ "name": "shouting", "version": "1.0.0", "type": "module", "main": "index.js" }',
  'node_modules/shouting/index.js': 'export const shout = (text) => text.toUpperCase();',
} satisfies Record<string, string>;

type Files = Readonly<Record<string, string>>;

function folderOf(changes: Files): string {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-test-code-'));
  made.push(folder);
  for (const [path, text] of Object.entries({ ...files, ...changes } as Files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  return folder;
}

const load = `
  import { loadPipeline } from '${root}/cli/load-pipeline.ts';
  import { shareMillrace } from '${root}/cli/package-root.ts';
  shareMillrace();
  const { pipeline, file } = await loadPipeline(process.argv[1]);
`;

const hashing = `
  import { codeHashes } from '${root}/cdk/constructs/code-hashes.ts';
  import { ModuleGraph } from '${root}/cdk/constructs/module-graph.ts';
  ${load}
  console.log(JSON.stringify(codeHashes(pipeline, new ModuleGraph(file))));
`;

/** Synthesises a deployment, without bundling; prints which code each stage's function has. */
const synthesising = `
  import { App, Stack } from 'aws-cdk-lib';
  import { MillracePipeline, selfManagedCluster } from '${root}/cdk/index.ts';
  ${load}
  const app = new App({ outdir: process.argv[1] + '.out', context: { 'aws:cdk:bundling-stacks': [] } });
  const stack = new Stack(app, 'Pages');
  new MillracePipeline(stack, 'Pipeline', {
    pipeline, entry: file,
    cluster: selfManagedCluster({ brokers: ['localhost:9092'] }),
    sources: { clicks: { topic: 'clicks', partitions: 1 } }, sinks: { out: { topic: process.argv[2] ?? 'out' } },
  });
  const { Resources } = app.synth().getStackByName('Pages').template;
  const functions = Object.values(Resources).filter(({ Type }) => Type === 'AWS::Lambda::Function');
  console.log(JSON.stringify(Object.fromEntries(functions.map(({ Properties: { Code, Environment, Handler } }) =>
    [Environment.Variables.MILLRACE_STAGE ?? Handler, Code.S3Key]))));
`;

function run(script: string, ...args: readonly string[]): Record<string, string> {
  const out = execFileSync(process.execPath, ['--input-type=module', '-e', script, ...args], {
    ...{ cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] },
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  return JSON.parse(out) as Record<string, string>;
}

/** Hashes of the pipeline's nodes, with these files instead of those above. */
const hashes = (changes: Files = {}): Record<string, string> => run(hashing, folderOf(changes));

const before = hashes();
/** Nodes whose hash is another with these files. */
function changed(changes: Files): string[] {
  const after = hashes(changes);
  return Object.keys(before).filter((id) => before[id] !== after[id]);
}

describe('a node’s code', { timeout: 120_000 }, () => {
  it('counts the same wherever it lies', () => {
    expect(Object.keys(before).sort()).toEqual(['by-page', 'clicks', 'large', 'long', 'out', 'spread', 'upper'].sort());
    expect(changed({})).toEqual([]);
  });

  it('changes with the module that its function stands in, and with what that imports', () => {
    expect(changed({ 'length.ts': 'export const LENGTH = 4;' })).toEqual(['long', 'upper']);
    expect(changed({ 'to-one.ts': 'export const toOne = (): number => 1;' })).toEqual(['upper', 'spread']);
  });

  it('counts a package by its name and version', () => {
    expect(changed({ 'node_modules/shouting/index.js': 'export const shout = (text) => text;' })).toEqual([]);
    const newer = files['node_modules/shouting/package.json'].replace('1.0.0', '1.0.1');
    expect(changed({ 'node_modules/shouting/package.json': newer })).toEqual(['long', 'upper']);
  });

  it('does not change with a module that nothing imports', () => {
    expect(changed({ 'unrelated.ts': '// another comment\nexport const unrelated = 2;' })).toEqual([]);
  });

  it('changes with the whole module that an inline function stands in', () => {
    expect(changed({ 'pipeline.ts': `${files['pipeline.ts']}\n// at the end` })).toEqual(['upper']);
  });

  it('changes with what a function was made from', () => {
    const six = files['pipeline.ts'].replace('atLeast(5)', 'atLeast(6)');
    expect(changed({ 'pipeline.ts': six })).toEqual(['upper', 'large']);
  });

  it('does not change with what an object that a function was made from keeps inside', () => {
    const atLeast = `
      class Client { least; #now = Math.random(); seen = { at: Math.random() }; constructor(least: number) { this.least = least; } }
      export const atLeast = (least: number) => { const client = new Client(least);
        return (record: { size: number }): boolean => record.size >= client.least; };`;
    const twice = [hashes({ 'at-least.ts': atLeast }), hashes({ 'at-least.ts': atLeast })];
    expect(twice[0]).toEqual(twice[1]);
    const six = hashes({ 'at-least.ts': atLeast, 'pipeline.ts': files['pipeline.ts'].replace('(5)', '(6)') });
    expect(six['large']).not.toBe(twice[0]!['large']);
  });
});

describe('a stage’s function', () => {
  const codes = run(synthesising, folderOf({}));
  const redeployed = (changes: Files, ...args: readonly string[]): string[] => {
    const after = run(synthesising, folderOf(changes), ...args);
    return Object.keys(codes).filter((name) => codes[name] !== after[name]);
  };

  it('is deployed anew when its code has changed, and otherwise stays', { timeout: 120_000 }, () => {
    expect(redeployed({ 'length.ts': 'export const LENGTH = 4;' })).toEqual(['long', 'upper', 'controller.handler']);
  });

  it('is deployed anew when its sink has another topic', { timeout: 120_000 }, () => {
    expect(redeployed({}, 'elsewhere')).toEqual(expect.arrayContaining(['large']));
  });
});
