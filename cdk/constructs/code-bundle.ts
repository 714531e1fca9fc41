import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { AssetHashType, DockerImage } from 'aws-cdk-lib';
import { Code } from 'aws-cdk-lib/aws-lambda';
import { buildSync } from 'esbuild';
import type { Topics } from '../../functions/topics.ts';

/** Handlers in the bundle. */
export const handlers = { stage: 'stage.handler', controller: 'controller.handler' } as const;

/**
 * The code of all functions of a pipeline: one bundle, made when the stack is synthesised. `entry` is the author's module, whose default export is the
 * pipeline; in the bundle it is bound to the topics. The bundle changes only with what goes into it.
 */
export function codeBundle(entry: string, topics: Topics): Code {
  return Code.fromAsset(dirname(resolve(entry)), {
    assetHashType: AssetHashType.OUTPUT,
    bundling: {
      image: DockerImage.fromRegistry('not-used'),
      // Part of the key under which the toolkit remembers what it has bundled.
      environment: { entry: resolve(entry), topics: JSON.stringify(topics) },
      local: {
        tryBundle(outputDir) {
          bundle(resolve(entry), topics, outputDir);
          return true;
        },
      },
    },
  });
}

/**
 * Writes `stage.mjs` and `controller.mjs`, and what they share, into a folder: readable, without source maps, the same for the same sources wherever
 * they are. Throws with esbuild's messages where the code cannot be bundled.
 */
export function bundle(entry: string, topics: Topics, outputDir: string): void {
  const { root, functions, alias } = ownModules();
  buildSync({
    entryPoints: [join(functions, `stage${extension}`), join(functions, `controller${extension}`)],
    absWorkingDir: root,
    outdir: outputDir,
    alias: { ...alias, 'millrace:pipeline': entry },
    define: { MILLRACE_TOPICS: JSON.stringify(topics) },
    bundle: true,
    splitting: true,
    format: 'esm',
    outExtension: { '.js': '.mjs' },
    chunkNames: 'shared-[hash]',
    platform: 'node',
    target: 'node24',
    legalComments: 'none',
    logLevel: 'error',
    // Packages that are not modules ask for Node's own parts by `require`.
    banner: {
      js: "import { createRequire as requireOfBundle } from 'node:module'; const require = requireOfBundle(import.meta.url);",
    },
  });
}

const extension = import.meta.url.endsWith('.ts') ? '.ts' : '.js';

interface OwnModules {
  readonly root: string;
  readonly functions: string;
  readonly alias: Readonly<Record<string, string>>;
}

/** Where this package's modules are. `millrace` in the author's code is this millrace, from its sources or as it was built. */
function ownModules(): OwnModules {
  const here = dirname(fileURLToPath(import.meta.url));
  const root = packageRoot(here);
  const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    readonly exports: Readonly<Record<string, string | { readonly default: string }>>;
  };
  const alias: Record<string, string> = {};
  for (const [path, target] of Object.entries(exports)) {
    if (typeof target === 'string' || path === './cdk') continue;
    const built = target.default;
    const file = extension === '.ts' ? built.replace('./dist/', './').replace(/\.js$/, '.ts') : built;
    alias[`millrace${path.slice(1)}`] = join(root, file);
  }
  return { root, functions: join(here, '..', '..', 'functions'), alias };
}

const packageRoot = (folder: string): string =>
  existsSync(join(folder, 'package.json')) ? folder : packageRoot(dirname(folder));
