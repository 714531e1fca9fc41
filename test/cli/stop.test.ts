import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, it } from 'vitest';
import { type Running, Workplace } from './command.ts';

const PIPELINE = `
import { count, epochMillis, generator, hours, pipeline, tumbling } from 'millrace';
import { toJsonl } from 'millrace/files';

export default pipeline('beats', (p) => {
  p.source('beats', generator({ rate: 1_000, record: (n) => ({ time: n * 60_000 }) }), { eventTime: (beat) => epochMillis(beat.time) })
    .keyBy('as-one', () => 0)
    .window(tumbling(hours(1)))
    .aggregate('hourly', { beats: count() })
    .to('hours', toJsonl({ path: 'hours.jsonl' }));
});
`;

describe('millrace stop', { concurrent: true, timeout: 90_000 }, () => {
  async function beating(place: Workplace): Promise<Running> {
    writeFileSync(place.path('pipeline.ts'), PIPELINE);
    const running = place.start(['run', '.', '--data-dir', 'data', '--json']);
    await running.prints(/"event":"progress"/);
    return running;
  }

  it('drains a run without end: every window closes, files are finished, and it cannot go on', async ({
    expect,
    onTestFinished,
  }) => {
    const place = new Workplace({ onTestFinished });
    const running = await beating(place);
    expect(existsSync(place.path('hours.jsonl'))).toBe(false);
    const stopped = await place.millrace(['stop', 'data', '--drain']);
    expect(stopped).toMatchObject({ code: 0, stderr: '' });
    expect(stopped.stdout).toMatch(/^finished: every window has closed/);
    const run = await running.ended;
    expect(run.code).toBe(0);
    const done = JSON.parse(run.stdout.trimEnd().split('\n').at(-1) as string);
    expect(done.event).toBe('finished');
    const lines = readFileSync(place.path('hours.jsonl'), 'utf8').trimEnd().split('\n');
    const beats = lines.reduce((sum, line) => sum + (JSON.parse(line) as { beats: number }).beats, 0);
    expect(beats).toBe(done.records);
    const again = await place.millrace(['run', '.', '--data-dir', 'data']);
    expect(again.stdout).toMatch(/^finished: 0 records/);
  });

  it('stops a run that then can go on', async ({ expect, onTestFinished }) => {
    const place = new Workplace({ onTestFinished });
    const running = await beating(place);
    const stopped = await place.millrace(['stop', 'data', '--json']);
    expect(stopped).toMatchObject({ code: 0, stdout: '{"event":"stopped"}\n' });
    expect((await running.ended).code).toBe(143);
    expect(existsSync(place.path('hours.jsonl'))).toBe(false);
    const again = place.start(['run', '.', '--data-dir', 'data']);
    await again.prints(/going on from data/);
    const text = await place.millrace(['stop', 'data']);
    expect(text.stdout).toBe('stopped: run it again to go on\n');
    const ended = await again.ended;
    expect(ended.stderr).toMatch(/stopping, as millrace stop asks\n[\s\S]*go on with/);
  });

  it('says where there is nothing to stop', async ({ expect, onTestFinished }) => {
    const place = new Workplace({ onTestFinished });
    const refused = await place.millrace(['stop', 'data']);
    expect(refused).toMatchObject({ code: 3, stdout: '' });
    expect(refused.stderr).toMatch(/error: no process runs on the data directory data/);
  });
});
