import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { filesBelow, type Installed, install, root } from './installed.ts';

const tsc = join(root, 'node_modules', '.bin', 'tsc');
const options = {
  ...{ target: 'es2024', lib: ['es2024'], module: 'nodenext', types: ['node'], strict: true },
  ...{ noEmit: true, allowImportingTsExtensions: true, verbatimModuleSyntax: true, exactOptionalPropertyTypes: true },
};

describe('the package, installed into an empty project', () => {
  let installed: Installed;
  const bin = (...args: string[]): string => {
    const { project } = installed;
    // The command's first line asks for the node of the path.
    const env = { ...process.env, PATH: [dirname(process.execPath), process.env['PATH']].join(delimiter) };
    return execFileSync(join(project, 'node_modules/.bin/millrace'), args, {
      cwd: project,
      encoding: 'utf8',
      stdio: 'pipe',
      env,
    });
  };
  const node = (file: string): string =>
    execFileSync(process.execPath, [file], { cwd: installed.project, encoding: 'utf8', stdio: 'pipe' });
  const compile = (file: string, skipLibCheck: boolean): string[] => {
    const { project } = installed;
    const config = join(project, 'tsconfig.json');
    writeFileSync(config, JSON.stringify({ compilerOptions: { ...options, skipLibCheck }, files: [file] }));
    try {
      execFileSync(tsc, ['-p', config], { encoding: 'utf8', stdio: 'pipe' });
      return [];
    } catch (error) {
      return String((error as { readonly stdout: string }).stdout)
        .split('\n')
        .filter((line) => /^[^ ].*error TS/.test(line));
    }
  };

  beforeAll(() => {
    installed = install();
  }, 120_000);
  afterAll(() => {
    if (installed !== undefined) rmSync(installed.folder, { recursive: true });
  });

  it('holds what its exports and its command name, with types', () => {
    const { exports, bin } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
      readonly exports: Readonly<Record<string, string | Readonly<Record<string, string>>>>;
      readonly bin: Readonly<Record<string, string>>;
    };
    const named = [
      ...Object.values(exports).flatMap((target) => (typeof target === 'string' ? [] : Object.values(target))),
      ...Object.values(bin),
    ];
    expect(named.map((path) => path.replace('./', '')).filter((path) => !installed.files.includes(path))).toEqual([]);
  });

  it('holds nothing else than code, types, templates and what a package has to say', () => {
    const strange = installed.files.filter(
      (path) =>
        !/^(?:package\.json|README\.md|LICENSE|templates\/.*|dist\/(?:lib|cli|functions|cdk|scripts\/services)\/.*\.(?:js|d\.ts|js\.map)|dist\/scripts\/services\/kafka-pom\.xml)$/.test(
          path,
        ),
    );
    expect(strange).toEqual([]);
    const sources = filesBelow(join(root, 'lib')).filter((path) => path.endsWith('.ts') && !path.endsWith('.d.ts'));
    expect(installed.files.filter((path) => /^dist\/lib\/.*\.js$/.test(path))).toHaveLength(sources.length);
  });

  it('gives types to all of its paths, checked to the last declaration', () => {
    // Declarations of other packages are theirs to mend.
    expect(compile('main.ts', false).filter((line) => !/node_modules\/(?!millrace\/)/.test(line))).toEqual([]);
    expect(compile('deploy.ts', true)).toEqual([]);
  }, 60_000);

  it('runs a pipeline in the process and in the test kit', () => {
    const { kind, rows, driven } = JSON.parse(node('main.ts'));
    const expected = [
      { sensor: 'a', start: 0, readings: 2, mean: 2 },
      { sensor: 'a', start: 60_000, readings: 1, mean: 8 },
      { sensor: 'b', start: 0, readings: 1, mean: 5 },
    ];
    const sorted = (list: typeof expected) =>
      list.toSorted((a, b) => a.sensor.localeCompare(b.sensor) || a.start - b.start);
    expect({ kind, rows: sorted(rows), driven: sorted(driven) }).toEqual({
      kind: 'finished',
      rows: expected,
      driven: expected,
    });
  });

  it('has a command that plans and runs a pipeline', () => {
    expect(bin('--version').trim()).toMatch(/^\d+\.\d+\.\d+/);
    expect(bin('plan', 'pipeline.ts')).toContain('readings');
    expect(JSON.parse(bin('plan', 'pipeline.ts', '--json'))).toMatchObject({ pipeline: 'readings' });
    bin('run', 'pipeline.ts', '--json');
    expect(existsSync(join(installed.project, 'late.jsonl'))).toBe(true);
  }, 60_000);

  it('deploys a pipeline from what was built', () => {
    const { stages, files } = JSON.parse(node('deploy.ts'));
    expect(stages).toEqual(['readings', 'means']);
    for (const name of ['controller.mjs', 'stage.mjs', 'worker.mjs', 'topics-resource.mjs'])
      expect(files).toContain(name);
  }, 60_000);
});
