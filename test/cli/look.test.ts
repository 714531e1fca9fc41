import { writeFileSync } from 'node:fs';
import { describe, it } from 'vitest';
import { Workplace } from './command.ts';
import { pipelineText, salesIn, writeProject } from './orders.ts';

/** Gives up mugs until they are allowed, and counts what each product earned. */
const fussy = (allowed: boolean): string => `
  const total = process('total', {
    in: type<Order>(), key: type<string>(), out: type<{ product: string; total: number }>(),
    state: { total: value<number>() },
    onRecord(order, { key, state, emit }) {
      if (${!allowed} && key === 'mug' && order.price === 9) throw new Error('no mugs for nine');
      state.total.set((state.total.get() ?? 0) + order.price);
      if (order.price === 9) emit({ product: key, total: state.total.get() as number });
    },
  });
  orders
    .keyBy('by-product', (order) => order.product)
    .process(total, { restart: { kind: 'none' }, fallback: 'dead-letter' })
    .to('sales', toJsonl({ path: 'out/sales.jsonl' }));`;

describe('looking into runs', { concurrent: true, timeout: 90_000 }, () => {
  it('shows where each task stands while the pipeline runs, and what it holds', async ({ expect, onTestFinished }) => {
    const place = new Workplace({ onTestFinished });
    writeProject(place.cwd);
    const running = place.start(['run', '.', '--data-dir', 'data', '--speed', '1000', '--json']);
    await running.prints(/"event":"progress"/);

    const status = JSON.parse((await place.millrace(['status', 'data', '--json'])).stdout);
    expect(status).toMatchObject({ pipeline: 'shop', deadLetters: 0 });
    const hourly = status.tasks.filter((task: { stage: string }) => task.stage === 'hourly');
    expect(hourly).toHaveLength(4);
    for (const task of hourly)
      expect(task).toMatchObject({ status: 'ok', lag: expect.any(Number), heldBy: 'orders/0', restarts: 0 });
    const text = await place.millrace(['status', 'data']);
    expect(text).toMatchObject({ code: 0, stderr: '' });
    expect(text.stdout).toMatch(/^orders\/0 +ok +[\d,]+ +2,000 +[\d,]+ +2026-01-05T\d\d:/m);

    const listed = await place.millrace(['state', 'list', 'data', '--operator', 'hourly', '--json']);
    const entries = listed.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(entries.length).toBeGreaterThanOrEqual(1);
    for (const entry of entries)
      expect(entry).toMatchObject({ operator: 'hourly', state: '$windows', asOf: expect.anything() });
    const key = entries[0].key as string;
    const got = await place.millrace(['state', 'get', 'data', 'hourly', key]);
    expect(got.stdout).toMatch(new RegExp(`^hourly +\\$windows +${key} `, 'm'));
    await running.kill('SIGKILL');
  });

  it('lists what was given up, and replays it once it is mended', async ({ expect, onTestFinished }) => {
    const place = new Workplace({ onTestFinished });
    writeProject(place.cwd, { body: fussy(false) });
    expect(await place.millrace(['run', '.', '-q', '--data-dir', 'data'])).toMatchObject({ code: 0 });
    const before = salesIn(place.cwd).length;

    const listed = await place.millrace(['dead-letters', 'list', 'data', '--json']);
    const letters = listed.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(letters.length).toBeGreaterThan(3);
    expect(letters[0]).toMatchObject({
      operator: 'total',
      key: 'mug',
      attempts: 1,
      value: { product: 'mug', price: 9 },
    });
    expect(letters[0].error.message).toBe('no mugs for nine');
    const text = await place.millrace(['dead-letters', 'list', 'data']);
    expect(text.stdout).toMatch(/^\d+\.\d+ {2}total: no mugs for nine$/m);
    expect(text.stderr).toBe(`${letters.length} dead letters\n`);

    writeFileSync(place.path('pipeline.ts'), pipelineText({ body: fussy(true) }));
    const one = await place.millrace(['dead-letters', 'replay', '.', letters[0].id, '-d', 'data']);
    expect(one).toMatchObject({ code: 0, stdout: '1 record replayed, 0 given up again\n' });
    expect(salesIn(place.cwd)).toHaveLength(before + 1);
    const rest = await place.millrace(['dead-letters', 'replay', '.', '-d', 'data', '--json']);
    expect(JSON.parse(rest.stdout)).toEqual({
      ...{ event: 'finished', replayed: letters.length - 1, deadLettered: 0, left: [] },
    });
    expect(salesIn(place.cwd)).toHaveLength(before + letters.length);
    expect((await place.millrace(['dead-letters', 'list', 'data'])).stderr).toBe('0 dead letters\n');
  });

  it('replays what can be, and says what is left and why', async ({ expect, onTestFinished }) => {
    const place = new Workplace({ onTestFinished });
    const body = (allowed: boolean): string => `
      const no = (price: number) => (order: Order) => { if (${!allowed} && order.price === price) throw new Error('no'); return order; };
      const given = { restart: { kind: 'none' }, fallback: 'dead-letter' } as const;
      orders.map('direct', no(9), given).to('sales', toJsonl({ path: 'out/sales.jsonl' }));
      orders.rebalance().map('moved', no(8), given).to('more', toJsonl({ path: 'out/more.jsonl' }));`;
    writeProject(place.cwd, { body: body(false) });
    expect(await place.millrace(['run', '.', '-q', '--data-dir', 'data'])).toMatchObject({ code: 0 });
    writeFileSync(place.path('pipeline.ts'), pipelineText({ body: body(true) }));
    const replayed = await place.millrace(['dead-letters', 'replay', '.', '-d', 'data']);
    expect(replayed).toMatchObject({ code: 0, stdout: '222 records replayed, 0 given up again\n' });
    expect(replayed.stderr).toMatch(/^\d+\.\d+ cannot be replayed: its source's own stage writes to the sink "sales"/m);
    expect((await place.millrace(['dead-letters', 'list', 'data'])).stderr).toBe('222 dead letters\n');
  });

  it('says what is wrong with a data directory that is none, and with an operator that is none', async ({
    expect,
    onTestFinished,
  }) => {
    const place = new Workplace({ onTestFinished });
    const nothing = await place.millrace(['status', 'data']);
    expect(nothing).toMatchObject({ code: 3, stdout: '' });
    expect(nothing.stderr).toMatch(/error: there is no state file: data/);
    writeProject(place.cwd);
    await place.millrace(['run', '.', '-q', '-d', 'data']);
    const unknown = await place.millrace(['state', 'get', 'data', 'hurly', 'tea']);
    expect(unknown.code).toBe(2);
    expect(unknown.stderr).toMatch(/hint: those with state are hourly/);
    expect(await place.millrace(['state', 'get', 'data', 'hourly', 'tea'])).toMatchObject({ code: 1, stdout: '' });
  });
});
