import { mkdtempSync, openSync, readFileSync, renameSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { describe, expect, it, onTestFinished } from 'vitest';
import { csv, jsonl, stdin, toJsonl } from '../../lib/adapters/files/index.ts';
import { type EmbeddedOptions, layout, openEmbedded, runEmbedded } from '../../lib/embedded/index.ts';
import {
  collection,
  count,
  epochMillis,
  hours,
  MillraceError,
  type Pipeline,
  pipeline,
  type SinkConnector,
  type SourceConnector,
  type SourceOptions,
  toMemory,
} from '../../lib/index.ts';
import { storedLetters } from '../../lib/inspect/index.ts';
import { milliseconds } from '../../lib/model/index.ts';

interface Row {
  readonly n: number;
}

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'millrace-bad-'));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** Rows straight from a source to a sink. */
function copied<T>(source: SourceConnector<T>, options: SourceOptions<T> = {}) {
  const out = toMemory<T>();
  const made = pipeline('copied', (p) => p.source('rows', source, options).to('out', out));
  return { pipeline: made, out };
}

async function lettersOf(made: Pipeline) {
  const open = await openEmbedded(made);
  const end = await open.run.run();
  const letters = (await storedLetters(open.ports, made.name)).map(({ letter }) => letter);
  await open.close();
  return { end, letters };
}

describe('input that cannot be read', () => {
  it('is refused before anything runs, with its source, its place and what to do', async () => {
    const path = join(folder(), 'missing.jsonl');
    await expect(runEmbedded(copied(jsonl<Row>({ path })).pipeline)).rejects.toMatchObject({
      kind: 'unavailable',
      where: { source: 'rows', file: path },
      hint: expect.any(String),
    });
  });

  it('is refused with the columns that there are, where one is asked for that is not', async () => {
    const path = join(folder(), 'rows.csv');
    writeFileSync(path, 'a,b\n1,2\n');
    const asked = copied(csv({ path, columns: ['a', 'c'] })).pipeline;
    await expect(runEmbedded(asked)).rejects.toMatchObject({
      where: { source: 'rows' },
      message: expect.stringMatching(/"?c"?.*/),
    });
  });
});

describe('a line that is no JSON', () => {
  const lines = '{"n":1}\n{"n":2\n{"n":3}\n';

  it('stops the run and names source, file and row', async () => {
    const path = join(folder(), 'rows.jsonl');
    writeFileSync(path, lines);
    const dataDir = join(folder(), 'data');
    const { pipeline: made, out } = copied(jsonl<Row>({ path }));
    for (const options of [{}, { dataDir }, { dataDir }]) {
      const done = await runEmbedded(made, options);
      expect(done).toMatchObject({ kind: 'failed', error: { kind: 'bad-record' } });
      expect(done.error?.where).toEqual({ source: 'rows', stage: 'rows', partition: 0, offset: 1, file: path });
    }
    expect(out.records).toEqual([{ n: 1 }]);
  });

  it('goes to the dead letters as it was, and its neighbours go on', async () => {
    const path = join(folder(), 'rows.jsonl');
    writeFileSync(path, lines);
    const { pipeline: made, out } = copied(jsonl<Row>({ path }), { badRecords: 'dead-letter' });
    const { end, letters } = await lettersOf(made);
    expect(end.kind).toBe('finished');
    expect(letters).toMatchObject([{ value: '{"n":2', offset: 1, operator: 'rows', error: { kind: 'bad-record' } }]);
    expect(out.records).toEqual([{ n: 1 }, { n: 3 }]);
  });
});

describe('a record that is not to be believed', () => {
  it('too far in the future moves no time: the records behind it are not late', async () => {
    const now = Date.now();
    const at = [now, now + 24 * 3_600_000, now + 1];
    const { pipeline: made, out } = copied(collection(at), {
      ...{ eventTime: epochMillis, maxFuture: hours(1), badRecords: 'dead-letter' },
    });
    const { letters } = await lettersOf(made);
    expect(letters.map(({ value }) => value)).toEqual([at[1]]);
    expect(letters[0]?.error.message).toMatch(/too far in the future/);
    expect(out.records).toEqual([at[0], at[2]]);
  });

  it('beyond the size that its source allows is bad, whatever it holds', async () => {
    const rows = [
      { text: 'short', n: 1n },
      { text: 'x'.repeat(200), n: 2n },
      { text: 'short', n: 3n },
    ];
    const { pipeline: made, out } = copied(collection(rows), { maxRecordBytes: 100, badRecords: 'dead-letter' });
    const { letters } = await lettersOf(made);
    expect(letters.map(({ value }) => value)).toEqual([rows[1]]);
    expect(letters[0]?.error.message).toMatch(/more than the 100 allowed/);
    expect(out.records).toEqual([rows[0], rows[2]]);
  });
});

describe('a full disk', () => {
  it('under a sink fails the run with the file and what to do', async () => {
    const made = pipeline('filling', (p) => {
      p.source('rows', collection([1, 2, 3])).to('out', toJsonl({ path: '/dev/full', inPlace: true }));
    });
    expect(await runEmbedded(made)).toMatchObject({
      kind: 'failed',
      error: { kind: 'unavailable', message: expect.stringMatching(/disk is full/), where: { file: '/dev/full' } },
    });
  });

  it('that has room again in time loses and doubles nothing', async () => {
    let refusals = 2;
    const memory = toMemory<number>();
    const filling: SinkConnector<number> = {
      ...memory,
      async open(host, state) {
        const writer = await memory.open(host, state);
        return {
          ...writer,
          async write(batch) {
            const written = await writer.write(batch);
            if (refusals-- > 0) throw new MillraceError('unavailable', 'the disk is full', { retry: true });
            return written;
          },
        };
      },
    };
    const made = pipeline('filling', (p) => {
      p.source('rows', collection([1, 2, 3, 4])).to('out', filling);
    });
    const warned: string[] = [];
    const telemetry: NonNullable<EmbeddedOptions['telemetry']> = {
      ...{ count() {}, gauge() {}, observe() {} },
      log: (level, message) => void (level === 'warn' && warned.push(message)),
    };
    const done = await runEmbedded(made, { dataDir: join(folder(), 'data'), limits: { sourceRows: 2 }, telemetry });
    expect(done.kind).toBe('finished');
    expect(warned).toEqual(Array(2).fill('step of rows/0 failed: the disk is full'));
    expect(memory.records).toEqual([1, 2, 3, 4]);
    expect(refusals).toBeLessThan(0);
  });
});

describe('a sink that throws', () => {
  it('is named, in memory and in a data directory', async () => {
    const broken: SinkConnector<number> = {
      ...toMemory<number>(),
      open: async () => ({
        write: async () => {
          throw new TypeError('no such thing');
        },
        finish: async () => {},
        close: async () => {},
      }),
    };
    const made = pipeline('broken', (p) => p.source('rows', collection([1])).to('out', broken), {
      restart: { kind: 'none' },
    });
    for (const options of [{}, { dataDir: join(folder(), 'data') }]) {
      const done = await runEmbedded(made, options);
      expect(done.error).toMatchObject({ kind: 'operator-failed', message: expect.stringMatching(/no such thing/) });
      expect(done.error?.where).toEqual({ sink: 'out', stage: 'rows', partition: 0 });
    }
  });
});

describe('a data directory', () => {
  it('whose state file is damaged is refused as such', async () => {
    const dataDir = join(folder(), 'data');
    await runEmbedded(copied(collection([1, 2, 3])).pipeline, { dataDir });
    const file = openSync(layout.state(dataDir), 'r+');
    writeSync(file, Buffer.alloc(200_000, 0x5a), 0, undefined, 100);
    await expect(runEmbedded(copied(collection([1, 2, 3])).pipeline, { dataDir })).rejects.toMatchObject({
      kind: 'data-lost',
      where: { file: layout.state(dataDir) },
    });
  });

  it('whose state file is gone is refused, with what to do about it', async () => {
    const dataDir = join(folder(), 'data');
    await runEmbedded(copied(collection([1, 2, 3])).pipeline, { dataDir });
    rmSync(layout.state(dataDir));
    await expect(runEmbedded(copied(collection([1, 2, 3])).pipeline, { dataDir })).rejects.toMatchObject({
      kind: 'state-lost',
      where: { file: layout.state(dataDir) },
      hint: expect.stringMatching(/put it back, or begin anew with another data directory/),
    });
  });

  it('keeps standard input, of each pipeline for itself', async () => {
    const dataDir = join(folder(), 'data');
    const reading = (name: string, n: number) => {
      const out = toMemory<Row>();
      const input = Readable.from([`{"n":${n}}\n`]);
      const made = pipeline(name, (p) => p.source('rows', stdin<Row>({ format: 'jsonl', input })).to('out', out));
      return { made, out };
    };
    const [one, other] = [reading('one', 1), reading('other', 2)];
    for (const { made } of [one, other]) {
      expect(await runEmbedded(made, { dataDir })).toMatchObject({ kind: 'finished', records: 1 });
    }
    expect(await runEmbedded(one.made, { dataDir })).toMatchObject({ kind: 'finished', records: 0, resumed: true });
    expect([...one.out.records, ...other.out.records]).toEqual([{ n: 1 }, { n: 2 }]);
  });

  it('goes on once a file that was gone is back as it was', async () => {
    const place = folder();
    const [dataDir, path] = [join(place, 'data'), join(place, 'out.jsonl')];
    const made = (text: string) =>
      pipeline('copied', (p) => {
        const rows = p.source('rows', collection([1, 2, 3, 4]));
        rows
          .map(
            'check',
            (n) => {
              if (n === 3 && text === 'bad') throw new Error('three');
              return n;
            },
            { restart: { kind: 'none' } },
          )
          .to('out', toJsonl({ path }));
      });
    expect((await runEmbedded(made('bad'), { dataDir, limits: { sourceRows: 2 } })).kind).toBe('failed');
    renameSync(`${path}.inprogress`, `${path}.away`);
    const without = await runEmbedded(made('good'), { dataDir });
    expect(without).toMatchObject({ kind: 'failed', error: { kind: 'data-lost', where: { sink: 'out' } } });
    renameSync(`${path}.away`, `${path}.inprogress`);
    expect((await runEmbedded(made('good'), { dataDir })).kind).toBe('finished');
    expect(readFileSync(path, 'utf8')).toBe('1\n2\n3\n4\n');
  });
});

describe('a task that has stopped', () => {
  it('leaves the others to their work if so wished, and the run ends', async () => {
    const rows = Array.from({ length: 2_000 }, (_, n) => ({ n }));
    const [good, bad] = [toMemory<unknown>(), toMemory<unknown>()];
    const made = pipeline(
      'forked',
      (p) => {
        const source = p.source('rows', collection(rows));
        source
          .keyBy('by-n', ({ n }) => n % 5)
          .aggregate('counted', { n: count() })
          .to('good', good);
        source
          .rebalance('spread')
          .map('fragile', ({ n }) => {
            if (n === 20) throw new Error('twenty');
            return n;
          })
          .rebalance('further')
          .to('bad', bad);
      },
      { parallelism: 1, restart: { kind: 'none' } },
    );
    const done = await runEmbedded(made, { onFailure: 'continue', limits: { sourceRows: 10 } });
    expect(done).toMatchObject({ kind: 'failed', error: { message: 'twenty', where: { operator: 'fragile' } } });
    expect(good.records).toHaveLength(2_000);
    expect(bad.records).toEqual(rows.slice(0, 20).map(({ n }) => n));
  });
});

describe('who listens to the progress', () => {
  it('ends the run by throwing, and is told of it', async () => {
    const endless = copied(collection(Array.from({ length: 200_000 }, (_, n) => n)));
    const listening = runEmbedded(endless.pipeline, {
      limits: { sourceRows: 10 },
      progressPeriod: milliseconds(1),
      onProgress: () => {
        throw new Error('not now');
      },
    });
    await expect(listening).rejects.toThrow('not now');
    expect(endless.out.records.length).toBeLessThan(200_000);
  });
});
