import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, it } from 'vitest';
import { root, Workplace } from './command.ts';
import { writeProject } from './orders.ts';

describe('the command', { concurrent: true, timeout: 90_000 }, () => {
  it('begins a project that runs with one command', async ({ expect, onTestFinished }) => {
    const place = new Workplace({ onTestFinished });
    const made = await place.millrace(['init', 'tea-shop']);
    expect(made).toMatchObject({ code: 0, stderr: '' });
    expect(made.stdout).toMatch(/Now:\n {2}cd tea-shop\n {2}node \S+main\.ts run \.\n$/);
    const { name, scripts } = JSON.parse(readFileSync(place.path('tea-shop', 'package.json'), 'utf8'));
    expect(name).toBe('tea-shop');
    expect(scripts.start).toBe('millrace run .');
    expect(existsSync(place.path('tea-shop', '.gitignore'))).toBe(true);
    const run = await place.millrace(['run', 'tea-shop']);
    expect(run).toMatchObject({ code: 0 });
    expect(run.stdout).toMatch(/^finished: 200 records/);
    expect(readFileSync(place.path('out', 'sales.jsonl'), 'utf8')).toMatch(/^\{"product":"/);
    const again = await place.millrace(['init', 'tea-shop']);
    expect(again.code).toBe(2);
    expect(again.stderr).toMatch(/the folder tea-shop is not empty/);
  });

  it('shows a plan as text, as JSON and as Mermaid', async ({ expect, onTestFinished }) => {
    const place = new Workplace({ onTestFinished });
    writeProject(place.cwd);
    const text = await place.millrace(['plan', '.']);
    expect(text.stdout).toContain(
      'orders (source, 1 task)\n└─ orders  jsonl, bounded, event time\n   └─▶ hourly  by key by-product',
    );
    const json = JSON.parse((await place.millrace(['plan', '.', '--json'])).stdout);
    expect(json.stages.map((stage: { id: string }) => stage.id)).toEqual(['orders', 'hourly', 'sales']);
    const mermaid = await place.millrace(['plan', '.', '-f', 'mermaid', '--bind', 'orders=more.csv']);
    expect(mermaid.stdout).toMatch(/^flowchart LR\n/);
    expect(mermaid.stdout).toContain('csv, bounded');
  });

  it('runs the examples by the names that the README uses', async ({ expect }) => {
    const { scripts } = JSON.parse(readFileSync(`${root}package.json`, 'utf8'));
    expect(scripts.demo).toContain('cli/main.ts run examples/flights');
  });

  it.for([
    [['run', 'nowhere'], /there is no pipeline at nowhere/],
    [['run', '.', '--bind', 'order=a.csv'], /has no source or sink order\n hint: it has orders, sales/],
    [['rum'], /unknown command 'rum'/],
  ] as const)('exits with 2 for $0', async ([args, message], { expect, onTestFinished }) => {
    const place = new Workplace({ onTestFinished });
    writeProject(place.cwd);
    const refused = await place.millrace(args);
    expect(refused).toMatchObject({ code: 2, stdout: '' });
    expect(refused.stderr).toMatch(message);
    expect(refused.stderr).not.toMatch(/^\s+at .*:\d+/m);
  });

  it('names every mistake of a pipeline at once, before anything runs', async ({ expect, onTestFinished }) => {
    const place = new Workplace({ onTestFinished });
    const body = `orders.keyBy('by-product', (order) => order.product).window(tumbling(hours(-1))).aggregate('hourly', { n: count() })
      .to('hourly', toJsonl({ path: 'out/a.jsonl' }));`;
    writeProject(place.cwd, { body });
    const refused = await place.millrace(['run', '.']);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toMatch(/has 3 mistakes/);
    expect(refused.stderr).toMatch(/hourly: the id is used more than once/);
    expect(refused.stderr).toMatch(/size must be a positive whole number/);
    expect(existsSync(place.path('out'))).toBe(false);
  });

  it('says what a file lacks to be a pipeline', async ({ expect, onTestFinished }) => {
    const place = new Workplace({ onTestFinished });
    writeFileSync(place.path('empty.ts'), 'export const pipeline = 1;\n');
    const none = await place.millrace(['plan', 'empty.ts', '--json']);
    expect(none.code).toBe(2);
    expect(JSON.parse(none.stdout)).toMatchObject({
      event: 'error',
      kind: 'usage',
      hint: expect.stringContaining('export default'),
    });
    writeFileSync(place.path('broken.ts'), "import 'no-such-package';\n");
    const broken = await place.millrace(['plan', 'broken.ts']);
    expect(broken.code).toBe(2);
    expect(broken.stderr).toMatch(/broken\.ts cannot be loaded: Cannot find package 'no-such-package'/);
  });

  it('explains itself', async ({ expect, onTestFinished }) => {
    const place = new Workplace({ onTestFinished });
    for (const args of [['--help'], ['dead-letters', 'replay', '--help']]) {
      const help = await place.millrace(args);
      expect(help).toMatchObject({ code: 0, stderr: '' });
      expect(help.stdout).toMatch(/Exit codes:\n +0 +done/);
    }
  });
});
