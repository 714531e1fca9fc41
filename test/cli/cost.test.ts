import { writeFileSync } from 'node:fs';
import { describe, it } from 'vitest';
import { Workplace } from './command.ts';
import { writeProject } from './orders.ts';

describe('what a pipeline would cost', { concurrent: true, timeout: 60_000 }, () => {
  it('is shown by stage, with a month at rest and the line above which a worker is cheaper', async ({
    expect,
    onTestFinished,
  }) => {
    const place = new Workplace({ onTestFinished });
    writeProject(place.cwd);
    const text = await place.millrace(['cost', '.', '--rate', '20']);
    expect(text).toMatchObject({ code: 0, stderr: '' });
    expect(text.stdout).toMatch(/^shop at 20 records\/s, us-east-1, November 2026$/m);
    expect(text.stdout).toMatch(/^orders +20 .*\$\d/m);
    expect(text.stdout).toMatch(/A month at rest: \$\d/);
    expect(text.stdout).toMatch(/From about [\d,]+ records\/s on a worker on Fargate is cheaper/);
  });

  it('takes other prices, rates and assumptions', async ({ expect, onTestFinished }) => {
    const place = new Workplace({ onTestFinished });
    writeProject(place.cwd);
    writeFileSync(
      place.path('prices.json'),
      JSON.stringify({ asOf: 'free', lambda: { request: 0, gigabyteSecond: 0 } }),
    );
    const given = ['--prices', 'prices.json', '--rate', 'orders=5', '--pass', 'hourly=0', '--assume', 'memory=3'];
    const { stdout } = await place.millrace(['cost', '.', ...given, '--json']);
    const { rate, stages, prices, workload, worker } = JSON.parse(stdout);
    expect(rate).toBe(5);
    expect(prices).toMatchObject({ asOf: 'free', dynamodb: { writeUnit: 0.625e-6 } });
    expect(workload).toMatchObject({ memory: 3, pass: { hourly: 0 } });
    expect(worker.cheaperFrom).toBeNull();
    for (const stage of stages) expect(stage.lambda).toBe(0);
  });

  it.for<[string[], RegExp]>([
    [['--rate', 'order=5'], /there is no order/],
    [['--rate', 'many'], /many is no number/],
    [['--assume', 'memroy=5'], /it is one of .*memory/],
    [['--prices', 'none.json'], /none\.json cannot be read/],
  ])('says what is wrong with %j', async ([options, message], { expect, onTestFinished }) => {
    const place = new Workplace({ onTestFinished });
    writeProject(place.cwd);
    const { code, stderr } = await place.millrace(['cost', '.', ...options]);
    expect(code).toBe(2);
    expect(stderr).toMatch(message);
  });
});
