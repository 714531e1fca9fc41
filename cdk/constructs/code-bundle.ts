import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { AssetHashType, AssetStaging, DockerImage } from 'aws-cdk-lib';
import { Platform } from 'aws-cdk-lib/aws-ecr-assets';
import { ContainerImage } from 'aws-cdk-lib/aws-ecs';
import { Code } from 'aws-cdk-lib/aws-lambda';
import { Construct } from 'constructs';
import { buildSync } from 'esbuild';
import type { Topics } from '../../functions/topics.ts';
import type { Plan, StagePlan } from '../../lib/plan/index.ts';
import { type ModuleGraph, ModuleNames } from './module-graph.ts';

/** Handlers in the bundle. */
export const handlers = {
  stage: 'stage.handler',
  controller: 'controller.handler',
  topics: 'topics-resource.handler',
} as const;

/** What goes into a bundle beside this package. */
export interface BundleParts {
  /** The author's module, whose default export is the pipeline. */
  readonly entry: string;
  readonly modules: ModuleGraph;
  /** The pipeline is bound to them. */
  readonly topics: Topics;
  /** What its nodes' code counts by. */
  readonly hashes: Readonly<Record<string, string>>;
}

/**
 * The code of all functions of a pipeline: one bundle, made once when the stack is synthesised. A stage's function is told apart by what it runs: its stage's code, the layout
 * of the plan, and this package. So it is deployed anew if one of these changes, and not with every change elsewhere.
 */
export class CodeBundle extends Construct {
  /** The controller's, which knows the code of all stages. */
  readonly controller: Code;
  /** Of the function that makes topics: nothing of the author's is in it. */
  readonly topics: Code;
  readonly #folder: string;
  readonly #plan: Plan;
  readonly #parts: BundleParts;

  constructor(scope: Construct, id: string, props: BundleParts & { readonly plan: Plan }) {
    super(scope, id);
    const { plan, ...parts } = props;
    const { entry, topics, hashes } = parts;
    const staged = new AssetStaging(this, 'Bundle', {
      sourcePath: dirname(resolve(entry)),
      assetHashType: AssetHashType.OUTPUT,
      bundling: {
        image: DockerImage.fromRegistry('not-used'),
        // Part of the key under which the toolkit remembers what it has bundled.
        environment: { entry: resolve(entry), parts: JSON.stringify([topics, hashes]) },
        local: {
          tryBundle(outputDir) {
            bundle(parts, outputDir);
            return true;
          },
        },
      },
    });
    this.#plan = plan;
    this.#parts = parts;
    this.#folder = staged.absoluteStagedPath;
    this.controller = Code.fromAsset(this.#folder, { assetHash: staged.assetHash });
    this.topics = Code.fromAsset(this.#folder, { assetHash: hashOf(frameworkIn(this.#folder)) });
  }

  /** The workers', for Docker to build when it is deployed. */
  image(): ContainerImage {
    if (!existsSync(join(this.#folder, 'Dockerfile'))) return ContainerImage.fromRegistry('not-bundled');
    return ContainerImage.fromAsset(this.#folder, { platform: Platform.LINUX_ARM64 });
  }

  /** The code of one stage's function. */
  stage(stage: StagePlan): Code {
    const { topics, modules } = this.#parts;
    const parts = [layoutFor(this.#plan, stage), stage.code, topics, aroundAll(modules), frameworkIn(this.#folder)];
    return Code.fromAsset(this.#folder, { assetHash: hashOf(parts) });
  }
}

const hashOf = (parts: unknown): string => createHash('sha256').update(JSON.stringify(parts)).digest('hex');

/** What of a plan one stage's function goes by, but for code. */
function layoutFor(plan: Plan, stage: StagePlan): unknown {
  const { format, pipeline, edges, faults } = plan;
  const own = new Set(stage.nodes);
  return [
    ...[format, pipeline, edges, faults, plan.local[stage.id]],
    plan.stages.map(({ code, ...rest }) => rest),
    plan.nodes.filter(({ id }) => own.has(id)).map(({ code, ...rest }) => rest),
  ];
}

/** The author's middleware works around all stages and is part of no stage's code: with it, every module counts for every function. */
const aroundAll = (modules: ModuleGraph): readonly string[] =>
  modules.exportsOfEntry.includes('middleware') ? modules.namesOf(modules.files) : [];

/** Packages with machine code, which no bundle can hold: topics compressed with lz4 cannot be read by functions. */
const NATIVE = ['lz4-napi'] as const;

const DOCKERFILE = `FROM public.ecr.aws/docker/library/node:24-slim
WORKDIR /millrace
COPY . .
USER node
CMD ["node", "worker.mjs"]
`;

const FRAMEWORK_FILE = 'millrace.json';

/** What this package's part of a bundle counts by. */
function frameworkIn(folder: string): string {
  const file = join(folder, FRAMEWORK_FILE);
  return existsSync(file) ? readFileSync(file, 'utf8') : 'not bundled';
}

/**
 * Writes a module for each handler, and what they share, into a folder: readable, without source maps, the same for the same sources wherever
 * they are. Throws with esbuild's messages where the code cannot be bundled.
 */
export function bundle({ entry, modules, topics, hashes }: BundleParts, outputDir: string): void {
  const { root, functions, alias } = own;
  const { metafile } = buildSync({
    entryPoints: ['stage', 'controller', 'topics-resource', 'worker'].map((name) =>
      join(functions, `${name}${extension}`),
    ),
    absWorkingDir: root,
    outdir: outputDir,
    alias: { ...alias, 'millrace:pipeline': resolve(entry) },
    define: { MILLRACE_TOPICS: JSON.stringify(topics), MILLRACE_CODE: JSON.stringify(hashes) },
    bundle: true,
    metafile: true,
    splitting: true,
    format: 'esm',
    outExtension: { '.js': '.mjs' },
    chunkNames: 'shared-[hash]',
    platform: 'node',
    target: 'node24',
    legalComments: 'none',
    external: [...NATIVE, ...own.absent],
    logLevel: 'error',
    // Packages that are not modules ask for Node's own parts by `require`.
    banner: {
      js: "import { createRequire as requireOfBundle } from 'node:module'; const require = requireOfBundle(import.meta.url);",
    },
  });
  const others = Object.keys(metafile.inputs)
    .map((path) => resolve(root, path))
    .filter((path) => existsSync(path) && !modules.has(path));
  const framework = createHash('sha256').update(new ModuleNames().of(others).join('\n')).digest('hex');
  writeFileSync(join(outputDir, FRAMEWORK_FILE), JSON.stringify({ framework }));
  writeFileSync(join(outputDir, 'Dockerfile'), DOCKERFILE);
}

const extension = import.meta.url.endsWith('.ts') ? '.ts' : '.js';

interface OwnModules {
  readonly root: string;
  readonly functions: string;
  readonly alias: Readonly<Record<string, string>>;
  /** Packages that only some connectors need, and that are not installed: what needs them says so when it is used. */
  readonly absent: readonly string[];
}

/** Where this package's modules are. `millrace` in the author's code is this millrace, from its sources or as it was built. */
function ownModules(): OwnModules {
  const here = dirname(fileURLToPath(import.meta.url));
  const root = packageRoot(here);
  const { exports, peerDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    readonly exports: Readonly<Record<string, string | { readonly default: string }>>;
    readonly peerDependencies: Readonly<Record<string, string>>;
  };
  const alias: Record<string, string> = {};
  for (const [path, target] of Object.entries(exports)) {
    if (typeof target === 'string' || path === './cdk') continue;
    const built = target.default;
    const file = extension === '.ts' ? built.replace('./dist/', './').replace(/\.js$/, '.ts') : built;
    alias[`millrace${path.slice(1)}`] = join(root, file);
  }
  const { resolve: found } = createRequire(join(root, 'package.json'));
  const isAbsent = (name: string): boolean =>
    (found.paths(name) ?? []).every((folder) => !existsSync(join(folder, name)));
  const absent = Object.keys(peerDependencies).filter(isAbsent);
  return { root, functions: join(here, '..', '..', 'functions'), alias, absent };
}

const own = ownModules();

/** Whether a file is this package's own, as opposed to the author's or another package's. */
export function isOfMillrace(file: string): boolean {
  const folders = extension === '.ts' ? ['lib', 'functions', 'cdk'] : ['dist'];
  return folders.some((folder) => file.startsWith(join(own.root, folder) + sep));
}

function packageRoot(folder: string): string {
  return existsSync(join(folder, 'package.json')) ? folder : packageRoot(dirname(folder));
}
