import { existsSync, readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

/** The folder of this package, whether it runs from its sources or from what was built. */
export const packageRoot = rootAbove(dirname(fileURLToPath(import.meta.url)));

/** Whether this is a clone of the project, run from its sources, and not an installed package. */
export const isClone = import.meta.url.endsWith('.ts');

interface Package {
  readonly version: string;
  readonly exports: Readonly<Record<string, string | { readonly default: string }>>;
}

const own = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')) as Package;

/** This package's version. */
export const packageVersion = own.version;

/**
 * From here on `millrace` and its sub-paths, wherever imported, are the millrace that this process runs: pipelines and the command share one copy, and a
 * pipeline needs none beside it.
 */
export function shareMillrace(): void {
  registerHooks({
    resolve(specifier, context, next) {
      const path = specifier === 'millrace' ? '.' : specifier.startsWith('millrace/') ? `./${specifier.slice(9)}` : '';
      const target = own.exports[path];
      if (target === undefined) return next(specifier, context);
      return next(urlOf(typeof target === 'string' ? target : target.default), context);
    },
  });
}

function urlOf(target: string): string {
  const path = isClone ? target.replace('./dist/', './').replace(/\.js$/, '.ts') : target;
  return pathToFileURL(join(packageRoot, path)).href;
}

function rootAbove(folder: string): string {
  return existsSync(join(folder, 'package.json')) ? folder : rootAbove(dirname(folder));
}
