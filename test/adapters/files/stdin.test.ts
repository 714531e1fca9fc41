import { PassThrough } from 'node:stream';
import { setImmediate as tick } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { stdin } from '../../../lib/adapters/files/index.ts';
import { Undecodable } from '../../../lib/ports/index.ts';
import { host, scratch } from './source-host.ts';

async function settled(): Promise<void> {
  for (let i = 0; i < 5; i++) await tick();
}

describe('standard input without a spool', () => {
  it('gives lines as they come and seals at its end', async () => {
    const input = new PassThrough();
    const log = await stdin({ format: 'jsonl', input }).open(host);
    expect(log.info.resumable).toBe(false);
    expect((await log.read(0, 0, 10, undefined)).values).toEqual([]);
    input.write('{"a":1}\n{"a"');
    await settled();
    expect(await log.read(0, 0, 10, undefined)).toMatchObject({ values: [{ a: 1 }], next: 1, sealed: false });
    expect(await log.bounds(0)).toEqual({ start: 0, end: 1, sealed: false });
    input.end(':2}\n3');
    await settled();
    expect((await log.read(0, 1, 10, undefined)).values).toEqual([{ a: 2 }]);
    await settled();
    expect(await log.read(0, 2, 10, undefined)).toMatchObject({ values: [3], next: 3, sealed: true, end: 3 });
    expect((await log.read(0, 0, 10, undefined)).values).toEqual([{ a: 1 }, { a: 2 }, 3]);
  });

  it('is data lost below the rows it holds', async () => {
    const input = new PassThrough();
    const log = await stdin({ format: 'jsonl', input }).open(host);
    input.end('1\n'.repeat(200_000));
    let next = 0;
    for (;;) {
      const slice = await log.read(0, next, 5_000, undefined);
      next = slice.next;
      if (slice.sealed) break;
      if (slice.values.length === 0) await tick();
    }
    expect(next).toBe(200_000);
    expect((await log.read(0, 150_000, 1, undefined)).values).toEqual([1]);
    await expect(log.read(0, 0, 1, undefined)).rejects.toMatchObject({ kind: 'data-lost', hint: expect.any(String) });
  });

  it('waits for the header of CSV', async () => {
    const input = new PassThrough();
    const opened = stdin<Record<string, string>>({ format: 'csv', input }).open(host);
    await settled();
    input.write('a,b\n1,2\n');
    const log = await opened;
    expect((await log.read(0, 0, 10, undefined)).values).toEqual([{ a: '1', b: '2' }]);
  });
});

describe('standard input with a spool', () => {
  it('can be read again by the next process, which adds what its own input brings', async () => {
    const spool = scratch();
    const first = new PassThrough();
    const log = await stdin({ format: 'jsonl', input: first }).open({ ...host, spool });
    expect(log.info.resumable).toBe(true);
    first.write('{"a":1}\n{"a":2}\n{"a');
    await settled();
    const slice = await log.read(0, 0, 1, undefined);
    expect(slice.values).toEqual([{ a: 1 }]);
    await log.close();

    const second = new PassThrough();
    const again = await stdin({ format: 'jsonl', input: second }).open({ ...host, spool });
    expect(again.info.id).toBe(log.info.id);
    second.end('{"a":3}\n');
    await settled();
    const rest = await again.read(0, 1, 10, slice.cursor);
    expect(rest.values).toMatchObject([{ a: 2 }, expect.any(Undecodable), { a: 3 }]);
    expect(rest).toMatchObject({ next: 4 });
    await again.close();

    const third = await stdin({ format: 'jsonl', input: new PassThrough() }).open({ ...host, spool });
    expect(await third.read(0, 3, 10, undefined)).toMatchObject({ values: [{ a: 3 }], sealed: true });
  });

  it('waits for the header of CSV', async () => {
    const spool = scratch();
    const input = new PassThrough();
    const opened = stdin({ format: 'csv', input, columns: ['b'] }).open({ ...host, spool });
    await settled();
    input.end('a,b\n1,2\n');
    const log = await opened;
    expect((await log.read(0, 0, 10, undefined)).values).toEqual([{ b: '2' }]);
  });
});
