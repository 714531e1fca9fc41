/** Folders in which the documents' code is checked and run, as a reader would have them. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Block } from './markdown.ts';

export const root = fileURLToPath(new URL('../..', import.meta.url));

/** What a clone of the project has that documents speak of. */
const CLONE = ['cli', 'cdk', 'examples', 'functions', 'lib', 'node_modules', 'scripts', 'templates', 'package.json'];

/** An empty folder with the project's packages; to be removed. */
export function newWorkspace(): string {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-test-docs-'));
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }\n');
  return folder;
}

/** Makes a folder like a clone of the project. */
export function cloneIn(folder: string): void {
  mkdirSync(folder, { recursive: true });
  for (const name of CLONE) symlinkSync(join(root, name), join(folder, name));
}

export const removeWorkspace = (folder: string): void => rmSync(folder, { recursive: true });

/** Where a block stands below the workspace: in the file that it names, or one of its own. */
export function placeOf(block: Block): string {
  const kind = block.marks.includes('test') ? 'test.ts' : 'ts';
  return block.file ?? join('blocks', `${basename(block.document, '.md')}-line-${block.line}.${kind}`);
}

export function write(folder: string, path: string, text: string): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), text);
}
