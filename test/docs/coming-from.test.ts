/** The tables for those who come from Flink or Kafka Streams: what they say is here must be here, by that name. */
import { globSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const DOCS = ['docs/coming-from-flink.md', 'docs/coming-from-kafka-streams.md'];

/** What can be called: exported functions, and methods of what an author holds. */
function callable(): Set<string> {
  const names = new Set<string>();
  for (const file of globSync(['lib/**/*.ts', 'functions/*.ts'])) {
    const text = readFileSync(file, 'utf8');
    for (const [, name] of text.matchAll(/^export (?:async )?(?:function|const|class) (\w+)/gm)) names.add(name!);
    for (const [, name] of text.matchAll(/^ {2,4}(?:async |static |readonly )*(\w+)(?:<[^(]*>)?\(/gm)) names.add(name!);
  }
  return names;
}

/** Rows of a document's tables, as cells. */
const rowsOf = (file: string): { readonly line: number; readonly cells: readonly string[] }[] =>
  readFileSync(file, 'utf8')
    .split('\n')
    .map((text, i) => ({ line: i + 1, text }))
    .filter(({ text }) => text.startsWith('| '))
    .map(({ line, text }) => ({
      line,
      cells: text
        .split(/(?<!\\)\|/)
        .slice(1, -1)
        .map((cell) => cell.trim()),
    }));

describe.each(DOCS)('%s', (file) => {
  it('has three columns in every row: theirs, ours, what differs', () => {
    const rows = rowsOf(file);
    expect(rows.length).toBeGreaterThan(50);
    expect(rows.filter(({ cells }) => cells.length !== 3 || cells[0] === '' || cells[1] === '')).toEqual([]);
  });

  it('calls only what there is', () => {
    const known = callable();
    const unknown = rowsOf(file).flatMap(({ line, cells }) =>
      [...(cells[1] ?? '').matchAll(/`([^`]*)`/g)]
        .flatMap(([, code]) => [...code!.matchAll(/(\w+)\(/g)])
        .filter(([, name]) => !known.has(name!))
        .map(([, name]) => `${file}:${line} ${name}`),
    );
    expect(unknown).toEqual([]);
  });
});
