import { describe, expect, it } from 'vitest';
import { bindingsOf } from '../../cli/bind.ts';
import { commandLine } from '../../cli/command-line.ts';
import { exitCodeOf } from '../../cli/exit-codes.ts';
import { parseSpeed, replayed } from '../../cli/speed.ts';
import { collection, epochMillis, pipeline, toMemory } from '../../lib/index.ts';
import { MillraceError } from '../../lib/model/index.ts';

const shop = pipeline('shop', (p) => {
  const rows = collection([{ at: 5 }]);
  p.source('orders', rows, { eventTime: (order) => epochMillis(order.at) }).to('sales', toMemory());
  p.source('notes', rows).to('copies', toMemory());
});

describe('bindings', () => {
  it.for([
    ['orders=a.jsonl', 'jsonl'],
    ['orders=a.ndjson.gz', 'jsonl'],
    ['orders=a.json.zst', 'json-array'],
    ['orders=file:///tmp/a.csv', 'csv'],
    ['orders=a.TSV', 'csv'],
    ['orders=a.parquet', 'parquet'],
    ['orders=-', 'stdin'],
  ] as const)('makes a source of %s by its name', ([given, kind]) => {
    const { sources } = bindingsOf(shop, [given]);
    expect(sources?.['orders']?.kind).toBe(kind);
  });

  it.for([
    ['sales=a.jsonl', 'jsonl'],
    ['sales=a.csv', 'csv'],
    ['sales=a.parquet', 'parquet'],
    ['sales=-', 'console'],
  ] as const)('makes a sink of %s by its name', ([given, kind]) => {
    expect(bindingsOf(shop, [given]).sinks?.['sales']?.kind).toBe(kind);
  });

  it('keeps what follows the first equals sign', () => {
    expect(bindingsOf(shop, ['orders=a=b.csv']).sources?.['orders']?.options).toMatchObject({ path: 'a=b.csv' });
  });

  it.for([
    ['orders', /not of the form id=path/],
    ['=a.csv', /not of the form id=path/],
    ['orders=', /not of the form id=path/],
    ['order=a.csv', /no source or sink order/],
    ['orders=a.txt', /no source can be made of a\.txt/],
    ['sales=a.csv.gz', /no sink can be made of a\.csv\.gz/],
  ] as const)('refuses %s', ([given, message]) => {
    expect(() => bindingsOf(shop, [given])).toThrow(message);
  });
});

describe('the speed', () => {
  it('is a factor, with or without an x, or max', () => {
    expect([parseSpeed('60'), parseSpeed('0.5x'), parseSpeed('1e9'), parseSpeed('max')]).toEqual([60, 0.5, 1e9, 'max']);
    for (const text of ['', '0', '-1', 'fast', 'x', 'NaN']) expect(() => parseSpeed(text)).toThrow(/is no speed/);
  });

  it('plays back the sources that have event time', () => {
    expect(Object.keys(replayed(shop, 60).sources ?? {})).toEqual(['orders']);
  });
});

describe('exit codes', () => {
  const of = (kind: ConstructorParameters<typeof MillraceError>[0], file?: string, dataDir?: string): number =>
    exitCodeOf(new MillraceError(kind, 'x', file === undefined ? {} : { where: { file } }), dataDir);

  it('tell what is wrong with the pipeline, the run and the state apart', () => {
    expect([of('invalid-pipeline'), of('operator-failed'), of('bad-record'), of('internal')]).toEqual([2, 1, 1, 1]);
    expect([of('incompatible'), of('state-lost'), of('data-lost', undefined, 'data')]).toEqual([3, 3, 3]);
    expect([of('unavailable', 'in.csv', 'data'), of('unavailable', 'data/state.db', 'data')]).toEqual([1, 3]);
    expect([of('unavailable', 'database.csv', 'data'), exitCodeOf(new Error('x'))]).toEqual([1, 1]);
  });
});

describe('the command line to go on with', () => {
  const line = (
    argv: readonly string[],
    env: Readonly<Record<string, string>> = {},
    added: readonly string[] = [],
  ): string => commandLine(added, argv, env);

  it('is what was typed, quoted for a shell', () => {
    expect(line(['/usr/bin/node', '/usr/bin/millrace', 'run', "it's mine"], {}, ['-d', 'x y'])).toBe(
      "millrace run 'it'\\''s mine' -d 'x y'",
    );
    expect(line(['node', '/app/node_modules/.bin/millrace', 'run', '.'])).toBe('npx millrace run .');
  });

  it('goes through the npm script that was run, if one was', () => {
    const script = {
      npm_lifecycle_event: 'demo',
      npm_lifecycle_script: 'node with.mjs node cli/main.ts run examples/flights',
    };
    const argv = ['node', '/app/cli/main.ts', 'run', 'examples/flights', '--data-dir', 'data'];
    expect(line(argv, script)).toBe('npm run demo -- --data-dir data');
    expect(line(argv.slice(0, 4), script)).toBe('npm run demo');
    expect(line(argv, { npm_lifecycle_event: 'test', npm_lifecycle_script: 'node test.mjs' })).toMatch(
      /^node .*cli\/main\.ts run examples\/flights --data-dir data$/,
    );
  });
});
