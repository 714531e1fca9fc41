import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { basename, delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { program } from '../../cli/program.ts';
import { mistakeIn } from './commands.ts';
import { anchorsOf, type Block, blocksOf, commandLinesOf, documentsOf, inlineCodeOf, linksOf } from './markdown.ts';
import { cloneIn, newWorkspace, placeOf, removeWorkspace, root, write } from './workspace.ts';

const documents = documentsOf(root).map((path) => {
  const markdown = readFileSync(join(root, path), 'utf8');
  return { path, markdown, blocks: blocksOf(path, markdown) };
});
const workspace = newWorkspace();
afterAll(() => removeWorkspace(workspace));

/** A document's part of the workspace, made when it is first asked for. */
function folderOf(document: string): string {
  const folder = join('documents', document.replaceAll('/', '-').replace(/\.md$/, ''));
  mkdirSync(join(workspace, folder), { recursive: true });
  return folder;
}

const shim = join(workspace, 'bin', 'millrace');
write(workspace, 'bin/millrace', `#!/bin/sh\nexec "${process.execPath}" "${join(root, 'cli/main.ts')}" "$@"\n`);
chmodSync(shim, 0o755);

/** Runs a program as a reader would, not as a part of this test. */
function run(
  command: string,
  args: readonly string[],
  cwd: string,
): { readonly status: number | null; readonly output: string } {
  const { VITEST, VITEST_POOL_ID, VITEST_WORKER_ID, NODE_ENV, TEST, ...env } = process.env;
  const PATH = [dirname(shim), dirname(process.execPath), env['PATH']].join(delimiter);
  const { status, stdout, stderr } = spawnSync(command, args, {
    cwd,
    encoding: 'utf8',
    env: { ...env, PATH, NO_COLOR: '1' },
  });
  return { status, output: `${stdout}${stderr}` };
}

const has = (mark: string) => (block: Block) => block.marks.includes(mark);
const all = documents.flatMap(({ blocks }) => blocks);
const typescript = all.filter((block) => block.language === 'ts' && !has('sketch')(block));

describe('the documents', () => {
  it('show TypeScript that compiles', () => {
    const places = new Map<string, Block>();
    for (const block of typescript) {
      const wanted = join(folderOf(block.document), placeOf(block));
      const place = places.has(wanted)
        ? join(folderOf(block.document), placeOf({ ...block, file: undefined }))
        : wanted;
      places.set(place, block);
      write(workspace, place, block.text);
    }
    const config = {
      extends: join(root, 'tsconfig.json'),
      compilerOptions: { rootDir: '/', noUncheckedSideEffectImports: false },
      include: [],
      files: [...places.keys()],
    };
    write(workspace, 'tsconfig.json', JSON.stringify(config));
    const { output } = run(join(root, 'node_modules/.bin/tsc'), ['-p', workspace], workspace);
    const errors = output.split('\n').filter((line) => /^(?:documents\/.*)?error TS/.test(line));
    expect(errors.map((error) => named(error, places))).toEqual([]);
    expect(places.size).toBe(typescript.length);
  }, 120_000);

  it.each(
    documents.filter(({ blocks }) =>
      blocks.some((block) => has('run')(block) || (block.language === 'sh' && has('test')(block))),
    ),
  )(
    'in $path show programs and commands that run',
    ({ path, blocks }) => {
      const folder = join(workspace, folderOf(path), 'run');
      cloneIn(folder);
      for (const block of blocks) {
        const at = `${path}:${block.line}`;
        if (block.file !== undefined) write(folder, block.file, block.text);
        if (block.language === 'ts' && has('run')(block)) {
          write(folder, placeOf(block), block.text);
          const preload = fileURLToPath(new URL('share-millrace.ts', import.meta.url));
          expect(run(process.execPath, ['--import', preload, placeOf(block)], folder), at).toMatchObject({ status: 0 });
        }
        if (block.language === 'sh' && has('test')(block)) {
          expect(run('bash', ['-euo', 'pipefail', '-c', block.text], folder), at).toMatchObject({ status: 0 });
        }
      }
    },
    120_000,
  );

  it('show tests that pass', () => {
    const tests = typescript.filter(has('test'));
    for (const block of tests)
      write(workspace, join(folderOf(block.document), 'tests', basename(placeOf(block))), block.text);
    const config = [
      `import project from ${JSON.stringify(join(root, 'vitest.config.ts'))};`,
      "export default { resolve: project.resolve, test: { include: ['documents/*/tests/*.test.ts'], maxWorkers: 1 } };",
    ];
    write(workspace, 'vitest.config.mts', config.join('\n'));
    const { status, output } = run('vitest', ['run', '--root', workspace], workspace);
    const passed = Number(/Tests\s+(\d+) passed/.exec(output)?.[1] ?? 0);
    expect(status === 0 && passed >= tests.length ? '' : output).toBe('');
  }, 120_000);

  it('name commands, scripts and options that exist', () => {
    const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { readonly scripts: object };
    const known = { root, scripts: Object.keys(scripts), program };
    const lines = documents.flatMap(({ path, markdown }) => commandLinesOf(path, markdown));
    expect(lines.length).toBeGreaterThan(0);
    expect(lines.flatMap((line) => mistakeIn(line, known) ?? [])).toEqual([]);
  });

  it('link to files and headings that exist', () => {
    const broken = documents.flatMap(({ path, markdown }) =>
      linksOf(markdown)
        .filter(({ text }) => !/^[a-z]+:/.test(text))
        .flatMap(({ line, text }) => {
          const [target = '', anchor] = text.split('#');
          const file = target === '' ? path : join(dirname(path), target);
          if (!existsSync(join(root, file))) return [`${path}:${line} links to ${text}`];
          if (anchor === undefined || !file.endsWith('.md')) return [];
          return anchorsOf(readFileSync(join(root, file), 'utf8')).includes(anchor)
            ? []
            : [`${path}:${line} links to ${text}`];
        }),
    );
    expect(broken).toEqual([]);
  });

  it('name files of the project that exist', () => {
    const path = /^(?:lib|cli|cdk|functions|examples|test|docs|scripts|templates)\/[\w./-]*$/;
    const missing = documents.flatMap((document) =>
      inlineCodeOf(document.markdown)
        .filter(({ text }) => path.test(text) && !existsSync(join(root, text)))
        .map(({ line, text }) => `${document.path}:${line} names ${text}`),
    );
    expect(missing).toEqual([]);
  });
});

/** A compiler's error, at its place in the document. */
function named(error: string, places: ReadonlyMap<string, Block>): string {
  const [, file = '', line = '', rest = ''] = /^(.+?)\((\d+),\d+\): (.*)$/.exec(error) ?? [];
  const block = places.get(file);
  return block === undefined ? error : `${block.document}:${block.line + Number(line)} ${rest}`;
}
