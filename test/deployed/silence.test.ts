import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, describe, expect, it } from 'vitest';
import { skipNote } from '../conformance/opened.ts';
import { Deployment, useCloud } from './deployment.ts';
import type { Click } from './pipelines/live.ts';

const cloud = await useCloud();
let deployment: Deployment | undefined;
afterAll(() => deployment?.end(), 120_000);

describe.skipIf(cloud.missing)(`a deployed pipeline whose sources fall silent${skipNote(cloud.missing)}`, () => {
  it('closes its last windows through the scheduled controller alone, and holds all that came', {
    timeout: 400_000,
  }, async () => {
    deployment = await Deployment.deploy(cloud.running!, 'live.ts');
    const pages = ['a', 'b', 'c', 'd', 'e'];
    let fed = 0;
    for (let round = 0; round < 12; round++) {
      const clicks = pages.map((page): [string, Click] => [page, { page, at: Date.now() }]);
      await deployment.feed('clicks', clicks);
      fed += clicks.length;
      await sleep(250);
    }
    const counts = () => deployment!.results<{ page: string; start: number; clicks: number }>('counts');
    const total = async () => (await counts()).reduce((sum, { clicks }) => sum + clicks, 0);
    await expect.poll(total, { timeout: 300_000, interval: 500 }).toBe(fed);
    const windows = (await counts()).map(({ page, start }) => `${page} ${start}`);
    expect(new Set(windows).size).toBe(windows.length);
    const last = Math.max(...(await counts()).map(({ start }) => start));
    expect(Date.now()).toBeGreaterThan(last + 2_000);
  });
});
