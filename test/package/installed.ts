/** The package as its users get it: built, packed, and installed into an empty project. */
import { execFileSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../..', import.meta.url));

export interface Installed {
  /** The folder that holds everything; to be removed. */
  readonly folder: string;
  /** The project. */
  readonly project: string;
  /** What the tarball holds. */
  readonly files: readonly string[];
}

/** Builds, packs and installs. Where no registry can be reached, the tarball's dependencies are those of this project. */
export function install(): Installed {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-test-package-'));
  const stage = join(folder, 'stage');
  const project = join(folder, 'project');
  mkdirSync(stage);
  for (const name of ['package.json', 'README.md', 'LICENSE', 'templates']) {
    cpSync(join(root, name), join(stage, name), { recursive: true });
  }
  execFileSync(process.execPath, ['scripts/build.mjs', join(stage, 'dist')], { cwd: root, stdio: 'pipe' });
  const [packed] = JSON.parse(npm(stage, ['pack', '--ignore-scripts', '--json'])) as [Packed];
  cpSync(join(root, 'test/package/consumer'), project, { recursive: true });
  writeFileSync(join(project, 'package.json'), JSON.stringify({ name: 'consumer', private: true, type: 'module' }));
  const tarball = join(stage, packed.filename);
  try {
    npm(project, [
      'install',
      '--ignore-scripts',
      '--prefer-offline',
      '--no-audit',
      '--no-fund',
      '--fetch-retries=0',
      tarball,
    ]);
  } catch (error) {
    if (
      !/ENOTFOUND|ECONNREFUSED|EAI_AGAIN|ETIMEDOUT|ENOTCACHED|network/.test(
        String((error as { stderr?: unknown }).stderr),
      )
    )
      throw error;
    unpack(tarball, project);
  }
  // What a project of TypeScript has beside it, and what the constructs ask for.
  for (const name of ['@types/node', 'undici-types', 'aws-cdk-lib', 'constructs', 'esbuild']) link(name, project);
  return { folder, project, files: packed.files.map(({ path }) => path) };
}

interface Packed {
  readonly filename: string;
  readonly files: readonly { readonly path: string }[];
}

/** npm as it runs outside of this project: not under settings that a surrounding `npm test` hands down. */
function npm(cwd: string, args: readonly string[]): string {
  const env = Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) => !/^npm_(?:package|lifecycle|command|config_local_prefix)/i.test(name),
    ),
  );
  return execFileSync('npm', ['--loglevel=error', ...args], { cwd, env, encoding: 'utf8', stdio: 'pipe' });
}

function unpack(tarball: string, project: string): void {
  const target = join(project, 'node_modules', 'millrace');
  mkdirSync(join(project, 'node_modules', '.bin'), { recursive: true });
  mkdirSync(target, { recursive: true });
  execFileSync('tar', ['xzf', tarball, '--strip-components=1', '-C', target]);
  symlinkSync('../millrace/dist/cli/main.js', join(project, 'node_modules', '.bin', 'millrace'));
  const { dependencies } = JSON.parse(readFileSync(join(target, 'package.json'), 'utf8')) as {
    readonly dependencies: Readonly<Record<string, string>>;
  };
  for (const name of Object.keys(dependencies)) link(name, project);
}

/** Links a package that is not there yet: some come with the package's own. */
function link(name: string, project: string): void {
  const target = join(project, 'node_modules', name);
  if (existsSync(target)) return;
  mkdirSync(dirname(target), { recursive: true });
  symlinkSync(join(root, 'node_modules', name), target);
}

/** Every file below a folder, with slashes. */
export const filesBelow = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((path) => path.replaceAll('\\', '/'));
