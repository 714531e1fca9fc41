import { describe, expect, it } from 'vitest';
import { program } from '../../cli/program.ts';
import { mistakeIn } from './commands.ts';
import { anchorsOf, blocksOf, commandLinesOf, inlineCodeOf, linksOf } from './markdown.ts';
import { root } from './workspace.ts';

const fence = '```';

describe('a document', () => {
  it('has blocks with a language, marks and a file', () => {
    const text = ['# a', `${fence}ts run file=a/b.ts`, 'one', '', 'two', fence, fence, 'plain', fence].join('\n');
    expect(blocksOf('a.md', text)).toEqual([
      { document: 'a.md', line: 2, language: 'ts', marks: ['run'], file: 'a/b.ts', text: 'one\n\ntwo\n' },
      { document: 'a.md', line: 7, language: '', marks: [], file: undefined, text: 'plain\n' },
    ]);
  });

  it.each([`${fence}ts rum\n${fence}`, `${fence}json test\n${fence}`, `${fence}ts\nno end`])(
    'is refused where a block is not what it seems: %j',
    (text) => {
      expect(() => blocksOf('a.md', text)).toThrow('a.md:1');
    },
  );

  it('tells code in lines, links and headings from what stands in blocks', () => {
    const text = ['## Dead letters, `all`', 'see `a` and [b](c.md#d)', fence, '`e` [f](g)', fence].join('\n');
    expect(inlineCodeOf(text).map((piece) => piece.text)).toEqual(['all', 'a']);
    expect(linksOf(text)).toEqual([{ line: 2, text: 'c.md#d' }]);
    expect(anchorsOf(text)).toEqual(['dead-letters-all']);
  });

  it('has command lines in blocks and between backticks', () => {
    const text = ['run `npm test`, not `tests`', `${fence}sh`, 'millrace plan . # the plan', 'cd a', fence].join('\n');
    expect(commandLinesOf('a.md', text).map(({ line, words }) => [line, words.join(' ')])).toEqual([
      [3, 'millrace plan .'],
      [1, 'npm test'],
    ]);
  });
});

describe('a command line', () => {
  const known = { root, scripts: ['test', 'demo'], program };
  const mistake = (text: string) => mistakeIn({ document: 'a.md', line: 1, words: text.split(' ') }, known);

  it.each([
    'npm test',
    'npm install',
    'npm run demo -- --data-dir data',
    'millrace run . --bind a=b -q --json',
    'millrace state list data --operator a',
    'npx millrace plan .',
    'node cli/main.ts status data',
    'millrace --version',
    'millrace run --help',
  ])('may be %s', (text) => {
    expect(mistake(text)).toBeUndefined();
  });

  it.each([
    ['npm run dmeo', 'no script dmeo'],
    ['npm run demo -- --date-dir data', 'no option --date-dir'],
    ['millrace rum .', 'no command rum'],
    ['millrace state show data', 'no command show'],
    ['millrace plan . --fromat json', 'no option --fromat'],
    ['node cli/mian.ts run .', 'no file cli/mian.ts'],
    ['node cli/main.ts rum .', 'no command rum'],
  ])('is not %s', (text, expected) => {
    expect(mistake(text)).toContain(expected);
  });
});
