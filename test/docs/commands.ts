import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import type { CommandLine } from './markdown.ts';

/** What there is to type. */
export interface Known {
  readonly root: string;
  readonly scripts: readonly string[];
  /** The command `millrace`. */
  readonly program: Command;
}

/** What is wrong with a command line that a document shows; undefined if nothing is. */
export function mistakeIn({ document, line, words }: CommandLine, known: Known): string | undefined {
  const mistake = mistakeInWords(words, known);
  return mistake === undefined ? undefined : `${document}:${line} says "${words.join(' ')}": ${mistake}`;
}

function mistakeInWords([command, ...rest]: readonly string[], known: Known): string | undefined {
  switch (command) {
    case 'npm':
      return mistakeInScript(rest, known);
    case 'npx':
      return rest[0] === 'millrace' ? mistakeInMillrace(rest.slice(1), known.program) : undefined;
    case 'millrace':
      return mistakeInMillrace(rest, known.program);
    case 'node': {
      const file = rest.find((word) => !word.startsWith('-'));
      if (file === undefined || rest[0] === '--test') return undefined;
      if (!existsSync(join(known.root, file))) return `there is no file ${file}`;
      return file === 'cli/main.ts' ? mistakeInMillrace(rest.slice(1), known.program) : undefined;
    }
    default:
      return undefined;
  }
}

function mistakeInScript([verb, script, ...rest]: readonly string[], { scripts, program }: Known): string | undefined {
  const name = verb === 'run' ? script : verb === 'test' || verb === 'start' ? verb : undefined;
  if (name === undefined) return undefined;
  if (!scripts.includes(name)) return `package.json has no script ${name}`;
  // The demo hands its arguments on to `millrace run`.
  const given = rest.slice(rest.indexOf('--') + 1);
  return name === 'demo' && given.length > 0
    ? mistakeInMillrace(['run', 'examples/flights', ...given], program)
    : undefined;
}

function mistakeInMillrace(words: readonly string[], program: Command): string | undefined {
  let command = program;
  let rest = words;
  while (command.commands.length > 0 && rest[0] !== undefined && !rest[0].startsWith('-')) {
    const next = command.commands.find((each) => each.name() === rest[0]);
    if (next === undefined) return `millrace has no command ${rest[0]}`;
    command = next;
    rest = rest.slice(1);
  }
  if (command.commands.length > 0 && rest.length > 0 && rest.some((word) => !isGeneral(word)))
    return 'it names no command';
  const options = rest.filter((word) => /^-./.test(word)).map((word) => word.split('=')[0] as string);
  const unknown = options.filter(
    (each) => !isGeneral(each) && command.options.every((option) => option.short !== each && option.long !== each),
  );
  return unknown.length === 0 ? undefined : `${command.name()} has no option ${unknown.join(', ')}`;
}

const isGeneral = (word: string): boolean => ['--help', '-h', '--version', '-V'].includes(word);
