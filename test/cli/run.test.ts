import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Workplace } from './command.ts';
import { expectedHours, pipelineText, ROWS, salesIn, writeProject } from './orders.ts';

/** Plays the 20 hours of the orders back in 20 seconds. */
const SLOWLY = ['--speed', '3600'];

/** A clean end is cut short after 0.7 seconds, which on a busy machine may be too early: how often it is tried again. */
const CLEAN = 3;

describe('millrace run', { concurrent: true, timeout: 90_000 }, () => {
  it('runs a pipeline to its end and says what went where', async ({ expect, onTestFinished }) => {
    const place = new Workplace({ onTestFinished });
    const { cwd } = place;
    writeProject(cwd);
    const done = await place.millrace(['run', '.']);
    expect(done).toMatchObject({ code: 0, signal: null });
    expect(done.stdout).toMatch(/^finished: 2,000 records in /);
    expect(done.stdout).toMatch(/sales +80 +out\/sales\.jsonl +exactly-once/);
    expect(salesIn(cwd)).toEqual(expectedHours());
  });

  it('tells programs what happens as lines of JSON, and nothing else', async ({ expect, onTestFinished }) => {
    const place = new Workplace({ onTestFinished });
    const { cwd } = place;
    writeProject(cwd);
    const done = await place.millrace(['run', 'pipeline.ts', '--json', '--bind', 'sales=hours.csv']);
    expect(done.stderr).toBe('');
    const events = done.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(events.at(0)).toMatchObject({ event: 'started', pipeline: 'shop', resumed: false });
    expect(events.at(-1)).toMatchObject({
      ...{ event: 'finished', records: ROWS, late: 0, deadLettered: 0 },
      sinks: [{ sink: 'sales', connector: 'csv', path: 'hours.csv', records: 80 }],
    });
    expect(readFileSync(join(cwd, 'hours.csv'), 'utf8').split('\n')).toHaveLength(82);
    expect(existsSync(join(cwd, 'out'))).toBe(false);
  });

  it('takes other input in the place of a source, standard input too', async ({ expect, onTestFinished }) => {
    const place = new Workplace({ onTestFinished });
    const { cwd } = place;
    writeProject(cwd);
    const input = readFileSync(join(cwd, 'orders.jsonl'), 'utf8');
    rmSync(join(cwd, 'orders.jsonl'));
    const done = await place.millrace(['run', '.', '-q', '--bind', 'orders=-'], { input });
    expect(done).toMatchObject({ code: 0, stdout: '', stderr: '' });
    expect(salesIn(cwd)).toEqual(expectedHours());
  });

  it('goes on after kill -9, again and again, to the same files', async ({ expect, onTestFinished }) => {
    const place = new Workplace({ onTestFinished });
    const { cwd } = place;
    writeProject(cwd);
    const args = ['run', '.', '--json', '--data-dir', 'data', ...SLOWLY];
    for (const rows of [1, 20]) {
      const running = place.start(args);
      await running.prints(/"event":"started"/);
      await until(() => linesIn(join(cwd, 'out', 'sales.jsonl.inprogress')) >= rows);
      expect(await running.kill('SIGKILL')).toMatchObject({ code: null, signal: 'SIGKILL' });
    }
    expect(existsSync(join(cwd, 'out', 'sales.jsonl'))).toBe(false);
    const last = await place.millrace(['run', '.', '--data-dir', 'data', '--speed', '1e9']);
    expect(last).toMatchObject({ code: 0 });
    expect(last.stderr).toContain('going on from data');
    expect(salesIn(cwd)).toEqual(expectedHours());
  });

  it('stops within a second of Ctrl-C, and says how to go on', async ({ expect, onTestFinished }) => {
    const place = new Workplace({ onTestFinished });
    const { cwd } = place;
    writeProject(cwd);
    const running = place.start(['run', '.', '--data-dir', 'data', ...SLOWLY]);
    await until(() => linesIn(join(cwd, 'out', 'sales.jsonl.inprogress')) >= 4);
    const asked = performance.now();
    const stopped = await running.kill('SIGINT');
    expect(performance.now() - asked).toBeLessThan(3_000);
    expect(stopped).toMatchObject({ code: 130, signal: null });
    expect(stopped.stdout).toMatch(/^stopped: /);
    const command = /go on with:\n {2}node \S+main\.ts (.+)\n/.exec(stopped.stderr)?.[1];
    expect(command).toBe('run . --data-dir data --speed 3600');
    expect(await place.millrace(['run', '.', '-q', '--data-dir', 'data', '--speed', '1e9'])).toMatchObject({
      code: 0,
    });
    expect(salesIn(cwd)).toEqual(expectedHours());
  });

  it('cuts a call short that would hold Ctrl-C up, and says how to go on all the same', async ({
    expect,
    onTestFinished,
  }) => {
    const place = new Workplace({ onTestFinished });
    const { cwd } = place;
    writeProject(cwd, { body: NEVER_WRITTEN });
    const running = place.start(['run', '.', '--data-dir', 'data']);
    await running.prints(/called/);
    const asked = performance.now();
    const stopped = await running.kill('SIGINT');
    expect(performance.now() - asked).toBeLessThan(3_000);
    expect(stopped).toMatchObject({ code: 130, signal: null });
    expect(stopped.stderr).toMatch(
      /in the middle of a call.*go on with:\n {2}node \S+main\.ts run \. --data-dir data\n/,
    );
  });

  it('lets go of asynchronous calls under way at Ctrl-C', { retry: CLEAN }, async ({ expect, onTestFinished }) => {
    const place = new Workplace({ onTestFinished });
    const body = `orders.async('never', () => { console.error('called'); return new Promise<Order>(() => {}); })
      .to('sales', toJsonl({ path: 'out/sales.jsonl' }));`;
    writeProject(place.cwd, { body });
    const running = place.start(['run', '.', '--data-dir', 'data']);
    await running.prints(/called/);
    const stopped = await running.kill('SIGINT');
    expect(stopped.code).toBe(130);
    expect(stopped.stdout).toMatch(/^stopped: /);
  });

  it.for([
    ['for rows', ['jsonl'], /^stopped: 0 records/],
    ['for rows to keep in a data directory', ['jsonl', '--data-dir', 'data'], /^stopped: 0 records/],
    ['for a header', ['csv'], /^$/],
    ['for a header to keep in a data directory', ['csv', '--data-dir', 'data'], /^$/],
  ] as const)(
    'stops at Ctrl-C while it waits $0',
    { retry: CLEAN },
    async ([, [format, ...args], printed], { expect, onTestFinished }) => {
      const place = new Workplace({ onTestFinished });
      const file = pipelineText()
        .replace(
          "jsonl<Order>({ path: import.meta.dirname + '/orders.jsonl' })",
          `stdin<Order>({ format: '${format}' })`,
        )
        .replace('{ jsonl,', '{ stdin,');
      writeFileSync(place.path('pipeline.ts'), `${file}\nconsole.error('loaded');\n`);
      const running = place.start(['run', '.', ...args], { input: { open: true } });
      await running.prints(format === 'csv' ? /loaded/ : /shop: /);
      if (format === 'csv') await until(() => args.length === 0 || existsSync(place.path('data', 'spool')));
      await new Promise((wake) => setTimeout(wake, 100));
      const stopped = await running.kill('SIGINT');
      expect(stopped).toMatchObject({ code: 130, signal: null });
      expect(stopped.stdout).toMatch(printed);
      expect(stopped.stderr).toContain(format === 'csv' ? 'stopped before it began' : 'stopping');
      expect(stopped.stderr).not.toContain('in the middle of a call');
    },
  );

  it('says that nothing is kept when it is stopped without a data directory', async ({ expect, onTestFinished }) => {
    const place = new Workplace({ onTestFinished });
    const { cwd } = place;
    writeProject(cwd);
    const running = place.start(['run', '.', ...SLOWLY]);
    await running.prints(/in memory/);
    const stopped = await running.kill('SIGTERM');
    expect(stopped.code).toBe(143);
    expect(stopped.stderr).toMatch(/nothing is kept.*\n.*run \. --speed 3600 --data-dir data\/shop\n/);
  });

  it('warns of records that are given up, and says that nothing is left to do', async ({ expect, onTestFinished }) => {
    const place = new Workplace({ onTestFinished });
    const line = '{"time":"2026-01-05T00:00:00Z","product":"tea","price":1}\n';
    writeProject(place.cwd, { source: "badRecords: 'dead-letter'" });
    writeFileSync(place.path('orders.jsonl'), `${line}no JSON\n${line}`);
    const done = await place.millrace(['run', '.', '--data-dir', 'data']);
    expect(done.stderr).toMatch(/^warning: dead-lettered a record at orders: line 2 of /m);
    expect(done.stdout).toMatch(/^finished: 2 records .*, 1 dead-lettered/);
    const again = await place.millrace(['run', '.', '--data-dir', 'data']);
    expect(again.stderr).toMatch(/all input had been read before; to process it again, name another data directory/);
  });

  it('refuses a data directory of another pipeline, and names the difference', async ({ expect, onTestFinished }) => {
    const place = new Workplace({ onTestFinished });
    const { cwd } = place;
    writeProject(cwd);
    expect((await place.millrace(['run', '.', '-q', '--data-dir', 'data'])).code).toBe(0);
    const before = salesIn(cwd);
    writeFileSync(join(cwd, 'pipeline.ts'), pipelineText().replaceAll('hours(1)', 'hours(2)'));
    const refused = await place.millrace(['run', '.', '--data-dir', 'data']);
    expect(refused.code).toBe(3);
    expect(refused.stderr).toMatch(/error: the pipeline shop does not fit the state.*\n.*hourly.*3600000.*7200000/);
    expect(refused.stderr).toMatch(/hint: run the pipeline as it was/);
    expect(refused.stderr).not.toMatch(/^\s+at /m);
    expect(salesIn(cwd)).toEqual(before);
  });

  it('refuses a data directory that another process uses', async ({ expect, onTestFinished }) => {
    const place = new Workplace({ onTestFinished });
    const { cwd } = place;
    writeProject(cwd);
    const running = place.start(['run', '.', '--data-dir', 'data', ...SLOWLY]);
    await running.prints(/state in data/);
    const refused = await place.millrace(['run', '.', '--data-dir', 'data', ...SLOWLY]);
    expect(refused.code).toBe(3);
    expect(refused.stderr).toMatch(/in use by another process \(pid \d+\)/);
    expect((await running.kill('SIGINT')).code).toBe(130);
  });

  it('fails with the source, the row and the file of a record that is bad', async ({ expect, onTestFinished }) => {
    const place = new Workplace({ onTestFinished });
    const { cwd } = place;
    writeProject(cwd);
    writeFileSync(join(cwd, 'bad.jsonl'), '{"time":"2026-01-05T00:00:00Z","product":"tea","price":1}\nno JSON\n');
    const failed = await place.millrace(['run', '.', '--bind', 'orders=bad.jsonl']);
    expect(failed.code).toBe(1);
    expect(failed.stderr).toMatch(
      /error: line 2 of bad\.jsonl.*\n +at: source orders, partition 0, offset 1\n hint: .*badRecords/,
    );
  });

  it('fails with the operator, the reason and no stack trace when the code throws', async ({
    expect,
    onTestFinished,
  }) => {
    const place = new Workplace({ onTestFinished });
    const { cwd } = place;
    const body = `orders.map('priced', (order) => { if (order.price > 8) throw new Error('too dear'); return order; }, { restart: { kind: 'none' } })
      .to('sales', toJsonl({ path: 'out/sales.jsonl' }));`;
    writeProject(cwd, { body });
    const failed = await place.millrace(['run', '.']);
    expect(failed.code).toBe(1);
    expect(failed.stderr).toMatch(/error: too dear\n +at: operator priced.*\n hint: --stack shows where/);
    expect(failed.stderr).not.toMatch(/pipeline\.ts:\d+/);
    const traced = await place.millrace(['run', '.', '--stack']);
    expect(traced.stderr).toMatch(/too dear[\s\S]*pipeline\.ts:\d+/);
  });
});

/** A sink that never answers. */
const NEVER_WRITTEN = `orders.to('sales', toFunction(() => { console.error('called'); return new Promise(() => {}); }));`;

async function until(holds: () => boolean): Promise<void> {
  const limit = performance.now() + 60_000;
  while (!holds()) {
    expect(performance.now()).toBeLessThan(limit);
    await new Promise((wake) => setTimeout(wake, 20));
  }
}

const linesIn = (file: string): number => (existsSync(file) ? readFileSync(file, 'utf8').split('\n').length - 1 : 0);
