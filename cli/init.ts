import { cpSync, existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { basename, join, relative, resolve } from 'node:path';
import { isCancel, text } from '@clack/prompts';
import type { Command } from 'commander';
import { exitCodesHelp, UsageError } from './exit-codes.ts';
import { isClone, packageRoot, packageVersion } from './package-root.ts';
import { type CommonOptions, colours, print, printJson } from './terminal.ts';

/** `millrace init` */
export function addInit(program: Command): void {
  program
    .command('init [folder]')
    .description('begin a project: a pipeline over sample data, with a test')
    .addHelpText(
      'after',
      `
Examples:
  millrace init orders && cd orders && npm install && npm start
${exitCodesHelp}`,
    )
    .action(init);
}

async function init(given: string | undefined, options: CommonOptions): Promise<void> {
  const folder = given ?? (await askForFolder());
  const target = resolve(folder);
  const taken = existsSync(target) ? readdirSync(target).filter((name) => name !== '.git') : [];
  if (taken.length > 0) {
    throw new UsageError(`the folder ${folder} is not empty`, 'name a new one: millrace init my-pipeline');
  }
  const name = packageName(basename(target));
  cpSync(join(packageRoot, 'templates', 'starter'), target, { recursive: true });
  renameSync(join(target, '_gitignore'), join(target, '.gitignore'));
  for (const file of ['package.json', 'pipeline.ts', 'README.md']) fillIn(join(target, file), name);
  const files = readdirSync(target, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(target, join(entry.parentPath, entry.name)))
    .sort();
  if (options.json === true) {
    printJson({ folder: target, name, files });
    return;
  }
  const next = isClone
    ? `node ${join(relative(target, packageRoot), 'cli', 'main.ts')} run .`
    : 'npm install\n  npm start';
  print(`${colours.bold(name)} is in ${folder}: ${files.join(', ')}\n\nNow:\n  cd ${folder}\n  ${next}`);
}

async function askForFolder(): Promise<string> {
  if (!process.stdin.isTTY || !process.stdout.isTTY) throw new UsageError('which folder?', 'millrace init my-pipeline');
  const answer = await text({ message: 'Folder of the new project', initialValue: 'my-pipeline' });
  if (isCancel(answer)) throw new UsageError('nothing was made');
  return answer;
}

function fillIn(file: string, name: string): void {
  const filled = readFileSync(file, 'utf8').replaceAll('{{name}}', name).replaceAll('{{version}}', packageVersion);
  writeFileSync(file, filled);
}

/** A name that npm and pipelines take. */
function packageName(text: string): string {
  const name = text
    .toLowerCase()
    .replace(/[^a-z0-9._-]+/g, '-')
    .replace(/^[^a-z0-9]+/, '');
  return name === '' ? 'my-pipeline' : name;
}
