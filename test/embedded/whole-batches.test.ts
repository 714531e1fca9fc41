/** Tables are never seen within a batch: money that moves between accounts is never missing, however they are read while the pipeline works. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  carryOut,
  type OpenEmbedded,
  openEmbedded,
  readTable,
  serveTables,
  storedTable,
  viewDirectory,
} from '../../lib/embedded/index.ts';
import { epochMillis, generator, milliseconds, pipeline, sum, toMemory } from '../../lib/index.ts';

interface Transfer {
  readonly at: number;
  readonly from: number;
  readonly to: number;
  readonly amount: number;
}

const ACCOUNTS = 50;
const TRANSFERS = 40_000;

const transfer = (n: number): Transfer => ({
  at: n,
  from: (n * 7) % ACCOUNTS,
  to: (n * 13 + 1) % ACCOUNTS,
  amount: 1 + (n % 9),
});

const bank = pipeline(
  'bank',
  (p) => {
    p.source('transfers', generator({ record: transfer, count: TRANSFERS }), {
      eventTime: ({ at }) => epochMillis(at),
    })
      .flatMap(({ from, to, amount }) => [
        { account: from, amount: -amount },
        { account: to, amount },
      ])
      .keyBy('by-account', ({ account }) => account)
      .toTable(
        'balances',
        sum(({ amount }) => amount),
      )
      .to('out', toMemory());
  },
  { parallelism: 1 },
);

interface Seen {
  readonly rows: readonly { readonly key: number; readonly value: number }[];
  readonly asOf: number | 'none' | 'end';
}

/** Reads again and again until the run is over; checks every reading, and returns how many there were while the run was under way. */
async function hammer(read: () => Promise<Seen | undefined>, isOver: () => boolean): Promise<number> {
  let last = Number.NEGATIVE_INFINITY;
  let under = 0;
  while (!isOver()) {
    await new Promise((resolve) => setImmediate(resolve));
    const seen = await read();
    if (seen === undefined) continue;
    const { rows, asOf } = seen;
    expect(rows.reduce((total, { value }) => total + value, 0)).toBe(0);
    const time = asOf === 'none' ? Number.NEGATIVE_INFINITY : asOf === 'end' ? Number.POSITIVE_INFINITY : asOf;
    expect(time).toBeGreaterThanOrEqual(last);
    last = time;
    if (rows.length > 0 && asOf !== 'end') under++;
  }
  return under;
}

async function running(
  open: OpenEmbedded,
  readers: readonly (() => Promise<Seen | undefined>)[],
): Promise<readonly number[]> {
  let over = false;
  const done = carryOut(open, {}).finally(() => {
    over = true;
  });
  const reads = await Promise.all(readers.map((read) => hammer(read, () => over)));
  expect(await done).toMatchObject({ kind: 'finished', records: TRANSFERS });
  return reads;
}

/** A run in memory leaves nothing to read between its end and when it is known to be over. */
function orGone(error: unknown): undefined {
  expect(error).toMatchObject({ kind: 'unavailable', message: 'the run is over, and its state was in memory alone' });
}

const limits = { sourceRows: 97, batchMessages: 3 };

describe('a table of a pipeline at work', () => {
  it('shows no half batch to code nor over HTTP', { timeout: 60_000 }, async () => {
    const open = await openEmbedded(bank, { limits });
    const server = await serveTables(open, { port: 0 });
    try {
      const balances = readTable<number, number>(open, 'balances');
      const url = `http://${server.address}/tables/balances?limit=${ACCOUNTS}`;
      const overHttp = async (): Promise<Seen | undefined> => {
        const response = await fetch(url);
        const body = await response.json();
        expect(response.status === 503 ? open.run.end : 'running').toBeDefined();
        expect([200, 503]).toContain(response.status);
        return response.status === 200 ? (body as Seen) : undefined;
      };
      const reads = await running(open, [() => balances.rows().catch(orGone), overHttp, overHttp]);
      for (const each of reads) expect(each).toBeGreaterThan(2);
      await balances.get(1).then(() => expect.unreachable(), orGone);
      expect(await overHttp()).toBeUndefined();
    } finally {
      await server.close();
      await open.close();
    }
  });

  it('shows none to other processes, which read what is stored', { timeout: 60_000 }, async ({ onTestFinished }) => {
    const dataDir = mkdtempSync(join(tmpdir(), 'millrace-tables-'));
    onTestFinished(() => rmSync(dataDir, { recursive: true, force: true }));
    const open = await openEmbedded(bank, { dataDir, limits, flushEvery: milliseconds(2) });
    const view = viewDirectory(dataDir);
    try {
      const stored = storedTable<number, number>(bank, view, 'balances');
      const [reads] = await running(open, [() => stored.rows()]);
      expect(reads).toBeGreaterThan(2);
    } finally {
      view.close();
      await open.close();
    }
  });
});
