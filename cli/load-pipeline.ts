import { statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { RunSummary } from '../lib/embedded/index.ts';
import { MillraceError, messageOf } from '../lib/model/index.ts';
import type { Pipeline } from '../lib/pipeline/index.ts';
import { UsageError } from './exit-codes.ts';

/** What a pipeline's file gives to the command line. */
export interface PipelineModule {
  readonly pipeline: Pipeline;
  /** Told after a finished run; what it returns is printed. */
  readonly summary: ((done: RunSummary) => string | Promise<string>) | undefined;
  /** The file it came from. */
  readonly file: string;
}

const NAMES = ['pipeline.ts', 'pipeline.js', 'pipeline.mjs'];

/** Imports a pipeline: `path` is a file, or a folder that holds `pipeline.ts`. */
export async function loadPipeline(path: string): Promise<PipelineModule> {
  const file = fileOf(path);
  const found = await importModule(file, path);
  const { default: pipeline, summary } = found;
  if (!isPipeline(pipeline)) {
    throw new UsageError(
      `${path} has no pipeline as its default export`,
      'write: export default pipeline("name", (p) => { ... })',
    );
  }
  if (summary !== undefined && typeof summary !== 'function') {
    throw new UsageError(
      `${path} exports a summary that is no function`,
      'write: export function summary(done) { ... }',
    );
  }
  return { pipeline, summary: summary as PipelineModule['summary'], file };
}

function fileOf(path: string): string {
  const full = resolve(path);
  const stats = statSync(full, { throwIfNoEntry: false });
  if (stats === undefined) {
    throw new UsageError(`there is no pipeline at ${path}`, 'give a folder with a pipeline.ts, or a file');
  }
  if (!stats.isDirectory()) return full;
  const name = NAMES.find((candidate) => statSync(join(full, candidate), { throwIfNoEntry: false })?.isFile());
  if (name === undefined) {
    throw new UsageError(`the folder ${path} has no pipeline.ts`, `create one there with: millrace init ${path}`);
  }
  return join(full, name);
}

async function importModule(file: string, path: string): Promise<Readonly<Record<string, unknown>>> {
  try {
    return (await import(pathToFileURL(file).href)) as Readonly<Record<string, unknown>>;
  } catch (thrown) {
    if (thrown instanceof MillraceError) throw thrown;
    throw new MillraceError('invalid-pipeline', `${path} cannot be loaded: ${messageOf(thrown)}`, {
      where: { file },
      cause: thrown,
      ...hintOf(thrown),
    });
  }
}

function hintOf(thrown: unknown): { hint?: string } {
  const code = thrown instanceof Error && 'code' in thrown ? thrown.code : undefined;
  if (code === 'ERR_MODULE_NOT_FOUND') return { hint: 'install what it imports (npm install), and check the path' };
  if (code === 'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX') {
    return { hint: 'Node runs TypeScript by removing its types: write no enums, namespaces or parameter properties' };
  }
  return {};
}

function isPipeline(value: unknown): value is Pipeline {
  return typeof value === 'object' && value !== null && 'plan' in value && 'withBindings' in value;
}
