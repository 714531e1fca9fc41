import { createHash } from 'node:crypto';
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { buildSync } from 'esbuild';

/**
 * The modules of an author: what `entry` imports, directly or through others. Files count by their content, packages by name and version, `millrace` not at all. Throws with
 * esbuild's messages where something cannot be found or read.
 */
export class ModuleGraph {
  /** Names that the author's module exports. */
  readonly exportsOfEntry: readonly string[];
  readonly #imports = new Map<string, readonly string[]>();
  readonly #names = new ModuleNames();

  constructor(entry: string) {
    const root = dirname(entry);
    const { metafile } = buildSync({
      ...{ entryPoints: [entry], absWorkingDir: root, outdir: join(root, 'not-written') },
      ...{ bundle: true, write: false, metafile: true, logLevel: 'error' },
      ...{ platform: 'node', format: 'esm', target: 'node24' },
      external: ['millrace', 'millrace/*'],
    });
    this.exportsOfEntry = Object.values(metafile.outputs)
      .flatMap(({ exports }) => exports)
      .sort();
    for (const [path, { imports }] of Object.entries(metafile.inputs)) {
      const own = imports.filter(({ external }) => external !== true).map((each) => resolve(root, each.path));
      this.#imports.set(resolve(root, path), own);
    }
  }

  /** Whether the module is one that the author's code consists of. Links are followed, as esbuild does. */
  has(file: string): boolean {
    return this.#imports.has(realPath(file));
  }

  get files(): readonly string[] {
    return [...this.#imports.keys()];
  }

  /** Names of these files and all that they import: a hash of the content each, or a package's name and version. Sorted. */
  namesOf(files: Iterable<string>): readonly string[] {
    const reached = new Set([...files].map(realPath));
    for (const file of reached) for (const imported of this.#imports.get(file) ?? []) reached.add(imported);
    return this.#names.of(reached);
  }
}

/** What modules count by: files by their content, packages by name and version. */
export class ModuleNames {
  readonly #names = new Map<string, string>();
  readonly #packages = new Map<string, string | undefined>();

  /** Sorted, each name once. */
  of(files: Iterable<string>): readonly string[] {
    return [...new Set([...files].map((file) => this.#nameOf(file)))].sort();
  }

  #nameOf(file: string): string {
    const known = this.#names.get(file);
    if (known !== undefined) return known;
    const name = (isInPackage(file) ? this.#packageOf(dirname(file)) : undefined) ?? contentHash(file);
    this.#names.set(file, name);
    return name;
  }

  #packageOf(folder: string): string | undefined {
    if (this.#packages.has(folder)) return this.#packages.get(folder);
    const name = packageIn(folder) ?? (dirname(folder) === folder ? undefined : this.#packageOf(dirname(folder)));
    this.#packages.set(folder, name);
    return name;
  }
}

const isInPackage = (file: string): boolean => /[\\/]node_modules[\\/]/.test(file);
const contentHash = (file: string): string => createHash('sha256').update(readFileSync(file)).digest('hex');
const realPath = (file: string): string => (existsSync(file) ? realpathSync(file) : file);

/** Parts of packages have a package.json of their own, without a version. */
function packageIn(folder: string): string | undefined {
  const file = join(folder, 'package.json');
  if (!existsSync(file)) return undefined;
  const { name, version } = JSON.parse(readFileSync(file, 'utf8')) as {
    readonly name?: string;
    readonly version?: string;
  };
  return name === undefined || version === undefined ? undefined : `${name}@${version}`;
}
