/** What the documents show: blocks of code with how they are to be checked, command lines, links and paths. */
import { existsSync, readdirSync } from 'node:fs';
import { join, posix } from 'node:path';

/**
 * A fenced block. Words behind the language say what is done with it:
 *
 * - every `ts` block is type-checked as a module; with `run` it is run, with `test` it is a test that must pass
 * - `sh test`: the lines are run, one after another, in the document's workspace
 * - `file=path`: it stands in that file of the document's workspace, for the blocks after it
 * - `ts sketch`: it leaves something out and is not checked
 */
export interface Block {
  readonly document: string;
  /** Line of the fence. */
  readonly line: number;
  readonly language: string;
  readonly marks: readonly string[];
  readonly file: string | undefined;
  readonly text: string;
}

/** A command line that the reader is told to type. */
export interface CommandLine {
  readonly document: string;
  readonly line: number;
  readonly words: readonly string[];
}

const marks: Readonly<Record<string, readonly string[]>> = { ts: ['run', 'test', 'sketch'], sh: ['test'] };

/** The project's documents, by path from its root. */
export function documentsOf(root: string): string[] {
  const below = (folder: string): string[] =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .map((path) => posix.join(folder, path.replaceAll('\\', '/')))
      .filter((path) => path.endsWith('.md'))
      .sort();
  return ['README.md', 'ARCHITECTURE.md', ...below('docs'), ...below('examples')].filter((path) =>
    existsSync(join(root, path)),
  );
}

/** The fenced blocks of a document. Throws for a mark that means nothing. */
export function blocksOf(document: string, markdown: string): Block[] {
  const blocks: Block[] = [];
  let open: { readonly line: number; readonly info: string; readonly text: string[] } | undefined;
  markdown.split('\n').forEach((text, index) => {
    const fence = /^```(.*)$/.exec(text);
    if (fence === null) open?.text.push(text);
    else if (open === undefined) open = { line: index + 1, info: (fence[1] as string).trim(), text: [] };
    else {
      blocks.push(blockOf(document, open));
      open = undefined;
    }
  });
  if (open !== undefined) throw new Error(`${document}:${open.line} opens a block that does not end`);
  return blocks;
}

function blockOf(
  document: string,
  open: { readonly line: number; readonly info: string; readonly text: readonly string[] },
): Block {
  const [language = '', ...words] = open.info.split(/\s+/);
  const file = words.find((word) => word.startsWith('file='))?.slice('file='.length);
  const marked = words.filter((word) => !word.startsWith('file='));
  const strange = marked.filter((word) => marks[language]?.includes(word) !== true);
  if (strange.length > 0)
    throw new Error(`${document}:${open.line} marks a ${language} block with ${strange.join(' ')}`);
  return { document, line: open.line, language, marks: marked, file, text: `${open.text.join('\n')}\n` };
}

/** Command lines in `sh` blocks and between single backticks. */
export function commandLinesOf(document: string, markdown: string): CommandLine[] {
  const inBlocks = blocksOf(document, markdown)
    .filter(({ language }) => language === 'sh')
    .flatMap(({ line, text }) =>
      text.split('\n').map((each, i) => ({ document, line: line + 1 + i, words: wordsOf(each) })),
    );
  const inText = inlineCodeOf(markdown).map(({ line, text }) => ({ document, line, words: wordsOf(text) }));
  return [...inBlocks, ...inText].filter(({ words }) => /^(?:npm|npx|node|millrace)$/.test(words[0] ?? ''));
}

const wordsOf = (text: string): readonly string[] =>
  text
    .replace(/(?:^|\s)#.*$/, '')
    .trim()
    .split(/\s+/);

interface Piece {
  readonly line: number;
  readonly text: string;
}

/** Code between single backticks, outside of fenced blocks. */
export function inlineCodeOf(markdown: string): Piece[] {
  return linesOutsideBlocks(markdown).flatMap(({ line, text }) =>
    [...text.matchAll(/`([^`]+)`/g)].map((match) => ({ line, text: match[1] as string })),
  );
}

/** Targets of links, outside of fenced blocks. */
export function linksOf(markdown: string): Piece[] {
  return linesOutsideBlocks(markdown).flatMap(({ line, text }) =>
    [...text.matchAll(/\]\(([^)\s]+)\)/g)].map((match) => ({ line, text: match[1] as string })),
  );
}

/** Anchors that headings make. */
export function anchorsOf(markdown: string): string[] {
  return linesOutsideBlocks(markdown).flatMap(({ text }) => {
    const heading = /^#+\s+(.*)$/.exec(text)?.[1];
    return heading === undefined
      ? []
      : heading
          .toLowerCase()
          .replace(/[^\p{L}\p{N}\s_-]/gu, '')
          .trim()
          .replaceAll(' ', '-');
  });
}

function linesOutsideBlocks(markdown: string): Piece[] {
  let inside = false;
  return markdown.split('\n').flatMap((text, index) => {
    if (text.startsWith('```')) {
      inside = !inside;
      return [];
    }
    return inside ? [] : [{ line: index + 1, text }];
  });
}
