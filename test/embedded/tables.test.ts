import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import {
  carryOut,
  type OpenEmbedded,
  openEmbedded,
  readTable,
  serveTables,
  storedTable,
  viewDirectory,
} from '../../lib/embedded/index.ts';
import {
  boundedOutOfOrderness,
  collection,
  count,
  epochMillis,
  generator,
  milliseconds,
  pipeline,
  type SourceConnector,
  sum,
  toMemory,
  tumbling,
  type WindowKey,
} from '../../lib/index.ts';
import { Feed } from '../../lib/testing/index.ts';

interface Sale {
  readonly at: number;
  readonly shop: string;
  readonly item: number;
  readonly price: number;
}

const sales = Array.from({ length: 200 }, (_, i): Sale => ({ at: i * 10, shop: `s${i % 7}`, item: i % 3, price: i }));

const shop = (rows: SourceConnector<Sale>) =>
  pipeline(
    'shop',
    (p) => {
      const input = p.source('sales', rows, {
        eventTime: (sale) => epochMillis(sale.at),
        watermark: boundedOutOfOrderness(milliseconds(0)),
      });
      const byShop = input.keyBy('by-shop', (sale) => sale.shop);
      const totals = byShop.toTable('totals', { sales: count(), revenue: sum((sale: Sale) => sale.price) });
      totals
        .groupBy('by-parity', ({ sales }) => sales % 2)
        .count('parities')
        .toStream()
        .to('parities-out', toMemory());
      byShop
        .window(tumbling(milliseconds(500)))
        .toTable('per-window', count(), { retention: milliseconds(10_000_000) })
        .toStream()
        .to('windows-out', toMemory());
      const latest = byShop.toTable('latest');
      totals
        .join('pairs', latest, ({ sales }, { price }) => [sales, price] as const)
        .toStream()
        .to('pairs-out', toMemory());
      latest
        .leftJoin(
          'previous',
          totals,
          ({ item }) => `s${item}`,
          (sale, other) => [sale.item, other?.sales ?? 0],
        )
        .toStream()
        .to('previous-out', toMemory());
    },
    { parallelism: 3 },
  );

const opened: OpenEmbedded[] = [];
afterEach(async () => {
  for (const open of opened.splice(0)) await open.close();
});

/** The pipeline, all its input read, its state still there. */
async function finished(rows: SourceConnector<Sale> = collection(sales), dataDir?: string): Promise<OpenEmbedded> {
  const open = await openEmbedded(shop(rows), dataDir === undefined ? {} : { dataDir, flushEvery: milliseconds(0) });
  opened.push(open);
  for (let moved = true; moved; ) {
    moved = false;
    for (const task of open.run.open.tasks) if ((await task.ring()).kind === 'advanced') moved = true;
  }
  return open;
}

/** Sales of which more may come, so that windows are kept. */
function live(): SourceConnector<Sale> {
  const feed = new Feed<Sale>(1, () => 0);
  feed.push(0, sales);
  return feed;
}

describe('a table, read from outside', () => {
  it('gives rows by key, and the watermark they stand at', async () => {
    const open = await finished();
    const totals = readTable<string, { sales: number; revenue: number }>(open, 'totals');
    const mine = sales.filter((sale) => sale.shop === 's3');
    expect(await totals.get('s3')).toEqual({
      value: { sales: mine.length, revenue: mine.reduce((total, sale) => total + sale.price, 0) },
      asOf: 'end',
    });
    expect(await totals.get('nowhere')).toMatchObject({ value: undefined });
    expect((await readTable<string, readonly number[]>(open, 'pairs').get('s3')).value).toEqual([
      mine.length,
      mine.at(-1)!.price,
    ]);
    expect((await readTable<string, readonly number[]>(open, 'previous').get('s3')).value).toEqual([
      mine.at(-1)!.item,
      sales.filter((sale) => sale.shop === `s${mine.at(-1)!.item}`).length,
    ]);
    expect((await readTable<number, number>(open, 'parities').rows()).rows).toEqual([
      { key: 0, value: 3 },
      { key: 1, value: 4 },
    ]);
  });

  it('needs no sink, and nothing in its stage that asks for time; tasks without records know it too', async () => {
    const feed = new Feed<Sale>(1, () => 0);
    const built = pipeline(
      'read-only',
      (p) => {
        const input = p.source('sales', feed, {
          eventTime: (sale) => epochMillis(sale.at),
          watermark: boundedOutOfOrderness(milliseconds(0)),
        });
        input.keyBy('by-shop', (sale) => sale.shop).toTable('latest');
        p.source('more', new Feed<Sale>(1, () => 0))
          .keyBy('by-shop-too', (sale) => sale.shop)
          .toTable('timeless');
        input.keyBy('by-shop-for-best', (sale) => sale.shop).top('best', 1, { by: ({ price }) => price });
      },
      { parallelism: 8 },
    );
    const open = await openEmbedded(built);
    opened.push(open);
    const latest = readTable<string, Sale>(open, 'latest');
    for (const at of [0, 120_000]) {
      feed.push(0, [{ at, shop: 's', item: 1, price: 1 }]);
      for (let i = 0; i < 3; i++) for (const task of open.run.open.tasks) await task.ring();
    }
    expect(await latest.rows()).toEqual({
      rows: [{ key: 's', value: { at: 120_000, shop: 's', item: 1, price: 1 } }],
      more: false,
      asOf: 119_999,
    });
    expect((await readTable(open, 'best').rows()).asOf).toBe(119_999);
    expect(await readTable(open, 'timeless').rows()).toEqual({ rows: [], more: false, asOf: 'none' });
  });

  it('gives rows by range, in the order of their keys', async () => {
    const latest = readTable<string, Sale>(await finished(), 'latest');
    const { rows, more } = await latest.rows({ from: 's2', to: 's5', limit: 2 });
    expect(rows.map(({ key }) => key)).toEqual(['s2', 's3']);
    expect(more).toBe(true);
    expect((await latest.rows()).rows).toHaveLength(7);
    expect((await latest.rows({ key: 's6' })).rows.map(({ value }) => value.shop)).toEqual(['s6']);
  });

  it('gives rows by window', async () => {
    const windows = readTable<WindowKey<string>, number>(await finished(live()), 'per-window');
    const of = (start: number, shop: string) =>
      sales.filter((sale) => sale.shop === shop && sale.at >= start && sale.at < start + 500).length;
    const { rows } = await windows.rows({ key: 's1', windowFrom: 500, windowTo: 1_500 });
    expect(rows).toEqual(
      [500, 1_000].map((start) => ({ key: { key: 's1', start, end: start + 500 }, value: of(start, 's1') })),
    );
    const start = epochMillis(1_500);
    expect((await windows.get({ key: 's1', start, end: epochMillis(2_000) })).value).toBe(of(1_500, 's1'));
  });

  it('is read by other processes as the stores hold it', async ({ onTestFinished }) => {
    const dataDir = mkdtempSync(join(tmpdir(), 'millrace-tables-'));
    onTestFinished(() => rmSync(dataDir, { recursive: true, force: true }));
    const open = await finished(live(), dataDir);
    const view = viewDirectory(dataDir);
    onTestFinished(() => view.close());
    for (const id of ['totals', 'per-window', 'previous', 'pairs', 'parities']) {
      const [live, stored] = [readTable(open, id), storedTable(open.pipeline, view, id)];
      expect(await stored.rows()).toEqual(await live.rows());
    }
    expect(await storedTable(open.pipeline, view, 'totals').get('s3')).toEqual(
      await readTable(open, 'totals').get('s3'),
    );
  });

  it('is refused where it is not kept', async () => {
    const open = await finished();
    expect(() => readTable(open, 'by-shop')).toThrow(/keeps no table by-shop/);
  });

  it('shows whole batches only while the pipeline works', async () => {
    const rows = generator<Sale>({
      record: (n) => ({ at: n, shop: `s${n % 4}`, item: 0, price: 1 }),
      count: 12_000,
    });
    const open = await openEmbedded(shop(rows));
    opened.push(open);
    const totals = readTable<string, { sales: number; revenue: number }>(open, 'totals');
    const done = carryOut(open, {});
    let [reads, over] = [0, false];
    void done.then(() => {
      over = true;
    });
    let [last, lastAsOf] = [0, Number.NEGATIVE_INFINITY];
    while (!over) {
      const { value, asOf } = await totals.get('s1');
      if (value !== undefined && typeof asOf === 'number') {
        expect(value.revenue).toBe(value.sales);
        expect(value.sales).toBeGreaterThanOrEqual(last);
        expect(asOf).toBeGreaterThanOrEqual(lastAsOf);
        expect(value.sales).toBeGreaterThanOrEqual(Math.floor((asOf + 3) / 4));
        [last, lastAsOf] = [value.sales, asOf];
        reads++;
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect((await done).error).toBeUndefined();
    expect(reads).toBeGreaterThan(0);
  });
});

describe('tables over HTTP', () => {
  it('are served as JSON', async () => {
    const open = await finished(live());
    const server = await serveTables(open, { port: 0 });
    const get = async (path: string) => {
      const response = await fetch(`http://${server.address}${path}`);
      return { status: response.status, body: (await response.json()) as Record<string, unknown> };
    };
    try {
      expect((await get('/tables')).body).toEqual({
        tables: ['totals', 'parities', 'per-window', 'latest', 'pairs', 'previous'],
      });
      expect(await get('/tables/parities/0')).toEqual({
        status: 200,
        body: { rows: [{ key: 0, value: 3 }], more: false, asOf: 1_989 },
      });
      expect((await get('/tables/latest?from=s2&limit=1')).body).toMatchObject({ rows: [{ key: 's2' }], more: true });
      const windows = await get('/tables/per-window/s1?windowFrom=500&windowTo=1970-01-01T00:00:01.500Z');
      expect(windows.body['rows']).toHaveLength(2);
      expect((await get('/tables/latest/nowhere')).status).toBe(404);
      expect(await get('/tables/unknown')).toMatchObject({ status: 404 });
      expect(await get('/tables/latest?form=s2')).toMatchObject({
        status: 400,
        body: { error: expect.stringContaining('there is no parameter form') as string },
      });
      for (const wrong of ['latest?limit=-1', 'latest?limit=1.5', 'per-window/s1?windowFrom=-5', '%zz', 'latest/%zz']) {
        expect(await get(`/tables/${wrong}`), wrong).toMatchObject({ status: 400 });
      }
      for (const limit of [-1, 0.5, Number.NaN]) {
        await expect(readTable(open, 'latest').rows({ limit })).rejects.toThrow('which is no number of rows');
      }
      await expect(readTable(open, 'latest').rows({ form: 's2' } as object)).rejects.toThrow('not asked for by form');
      expect(await readTable(open, 'latest').rows({ limit: 0 })).toMatchObject({ rows: [], more: true });
    } finally {
      await server.close();
    }
  });
});
