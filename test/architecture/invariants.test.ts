import { readdirSync, readFileSync } from 'node:fs';
import { join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
/** A test whose name begins with the numbers of invariants. */
const NAME = /\b(?:it|test)\(\s*['"`](\d+(?:, \d+)*): /g;
const ROW = /^\| (\d+) \| [^|]*\| (.*) \|$/gm;

it('names by number the invariants that the table in ARCHITECTURE.md says it tests, and no others', () => {
  const named = new Map<string, string[]>();
  const files = readdirSync(join(root, 'test'), { recursive: true, encoding: 'utf8' });
  for (const file of files.filter((each) => each.endsWith('.test.ts')).sort()) {
    const text = readFileSync(join(root, 'test', file), 'utf8');
    const numbers = new Set([...text.matchAll(NAME)].flatMap(([, list = '']) => list.split(', ')));
    for (const n of numbers) named.set(n, [...(named.get(n) ?? []), `test/${file.replaceAll(sep, '/')}`]);
  }
  const table = readFileSync(join(root, 'ARCHITECTURE.md'), 'utf8');
  const told = new Map<string, string[]>();
  for (const [, n = '', enforcedBy = ''] of table.matchAll(ROW)) {
    told.set(n, [...enforcedBy.matchAll(/`(test\/[^`]+\.test\.ts)`/g)].map(([, file = '']) => file).sort());
  }
  expect(told.size).toBe(17);
  expect(Object.fromEntries(told)).toEqual(Object.fromEntries(named));
});
