import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, it } from 'vitest';
import { Workplace } from './command.ts';
import { ROWS, writeProject } from './orders.ts';

const TABLES = `
  const products = orders.keyBy('by-product', (order) => order.product);
  products
    .toTable('totals', { orders: count(), revenue: sum((order: Order) => order.price) })
    .changes()
    .to('changes', toJsonl({ path: 'out/changes.jsonl' }));
  products
    .window(tumbling(hours(1)))
    .toTable('hourly', count(), { retention: hours(100) })
    .changes()
    .to('hours', toJsonl({ path: 'out/hours.jsonl' }));`;

interface Row {
  readonly key: string;
  readonly value: { readonly orders: number; readonly revenue: number };
}

describe('tables on the command line', { concurrent: true, timeout: 90_000 }, () => {
  it('are served over HTTP while the pipeline runs, and read from its data directory beside it', async ({
    expect,
    onTestFinished,
  }) => {
    const place = new Workplace({ onTestFinished });
    writeProject(place.cwd, { body: TABLES });
    const run = place.start(['run', '.', '--data-dir', 'data', '--speed', '3600', '--http', '0', '--parallelism', '3']);
    await run.prints(/http:\/\/127\.0\.0\.1:\d+\/tables/);
    const [url] = /http:\/\/127\.0\.0\.1:\d+\/tables/.exec(run.text) as unknown as [string];
    const get = async (path: string): Promise<unknown> => (await fetch(url + path)).json();
    expect(await get('')).toEqual({ tables: ['totals', 'hourly'] });
    let orders = 0;
    while (orders < 100) {
      const { rows, asOf } = (await get('/totals')) as { rows: readonly Row[]; asOf: unknown };
      orders = rows.reduce((sum, { value }) => sum + value.orders, 0);
      if (orders > 0) expect(asOf).toSatisfy((mark) => mark === 'none' || Number.isSafeInteger(mark));
    }
    const read = await place.millrace(['state', 'list', 'data', '-o', 'totals', '--rows', '.', '--json']);
    expect(read).toMatchObject({ code: 0, stderr: '' });
    await run.kill('SIGINT');
    expect(run.text).toContain('everything up to the last commit is kept');
  });

  it('are read of a finished run, by key, by range and by window', async ({ expect, onTestFinished }) => {
    const place = new Workplace({ onTestFinished });
    writeProject(place.cwd, { body: TABLES });
    const done = await place.millrace(['run', '.', '--data-dir', 'data', '-q', '--parallelism', '2', '--http', '0']);
    expect(done).toMatchObject({ code: 0, stderr: '' });
    const list = ['state', 'list', 'data', '--rows', '.', '--json', '--operator'];
    const all = await place.millrace([...list, 'totals']);
    const rows = all.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Row);
    expect(rows.map(({ value }) => value.orders).reduce((a, b) => a + b)).toBe(ROWS);
    expect(rows).toEqual(rows.toSorted((a, b) => (a.key < b.key ? -1 : 1)));
    expect(rows[0]).toMatchObject({ asOf: 'end' });
    const [first, second] = rows.map(({ key }) => key) as [string, string];
    const range = await place.millrace([...list, 'totals', '--from', first, '--to', second]);
    expect(range.stdout).toBe(`${all.stdout.split('\n')[0]}\n`);
    const one = await place.millrace(['state', 'get', 'data', 'totals', first, '--rows', '.']);
    expect(one.stdout).toContain(JSON.stringify(rows[0]!.value));
    expect(one.stderr).toContain('as of the end of all input');
    expect(await place.millrace(['state', 'get', 'data', 'totals', 'nothing', '--rows', '.'])).toMatchObject({
      code: 1,
      stdout: '',
    });
    const plain = ['state', 'list', 'data', '--rows', '.'];
    expect((await place.millrace(plain)).stderr).toContain('--rows is of one table');
    expect((await place.millrace([...plain, '-o', 'by-product'])).stderr).toContain('it keeps totals, hourly');
  });

  it('are not served where there are none, or where somebody else listens', async ({ expect, onTestFinished }) => {
    const place = new Workplace({ onTestFinished });
    writeProject(place.cwd);
    const none = await place.millrace(['run', '.', '--http', '0']);
    expect(none).toMatchObject({ code: 2 });
    expect(none.stderr).toContain('shop keeps no table to serve');
    writeProject(place.cwd, { body: TABLES });
    const other = createServer();
    await new Promise<void>((listening) => other.listen(0, '127.0.0.1', listening));
    onTestFinished(() => void other.close());
    const { port } = other.address() as AddressInfo;
    const taken = await place.millrace(['run', '.', '--http', String(port)]);
    expect(taken.code).not.toBe(0);
    expect(taken.stderr).toContain(`${port}`);
    expect((await place.millrace(['run', '.', '--http', 'here'])).stderr).toContain('--http here names no port');
  });
});
