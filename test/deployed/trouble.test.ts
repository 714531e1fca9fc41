import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { badDay } from '../../lib/local/index.ts';
import { skipNote } from '../conformance/opened.ts';
import { Deployment, useCloud } from './deployment.ts';
import type { Balance, Entry } from './pipelines/ledger.ts';

const cloud = await useCloud();
/** Deliveries are few. */
const often = { duplicates: 0.3, concurrent: 0.3, zombies: 0.3, retries: 0.2 };
const accounts = Array.from({ length: 12 }, (_, i) => `account-${i}`);

describe.skipIf(cloud.missing)(`a deployed pipeline in trouble${skipNote(cloud.missing)}`, () => {
  let deployment: Deployment;
  const fed = new Map<string, number>();

  beforeAll(async () => {
    deployment = await Deployment.deploy(cloud.running!, 'ledger-one.ts', { habits: { ...badDay, ...often } });
  }, 400_000);
  afterAll(() => deployment?.end(), 120_000);

  /** One more entry of each account, so many times. */
  const feed = async (rounds: number, more: Partial<Entry> = {}, of: readonly string[] = accounts) => {
    for (let round = 0; round < rounds; round++) {
      const entries = of.map((account): [string, Entry] => {
        const n = (fed.get(account) ?? 0) + 1;
        fed.set(account, n);
        return [account, { account, n, ...more }];
      });
      await deployment.feed('entries', entries);
    }
  };
  const balances = () => deployment.results<Balance>('balances');
  const arrived = async () => (await balances()).length;
  const total = () => [...fed.values()].reduce((sum, n) => sum + n, 0);
  /** Every entry has been counted once and in order, as far as any has. */
  const checkCounts = async () => {
    const byAccount = Map.groupBy(await balances(), ({ account }) => account);
    for (const list of byAccount.values()) {
      expect(list.map(({ n }) => n)).toEqual(list.map((_, i) => i + 1));
      expect(list.map(({ count }) => count)).toEqual(list.map((_, i) => i + 1));
    }
  };

  it('loses and doubles nothing when functions are killed, run out of time or are throttled, and deliveries go wrong', {
    timeout: 400_000,
  }, async () => {
    const failures = () => deployment.news.flatMap((news) => (news.kind === 'failed' ? [news.message] : []));
    let killed = 0;
    for (let round = 0; killed < 5 && round < 60; round++) {
      await feed(5);
      await sleep(300);
      if (round > 2) killed += deployment.signal('SIGKILL');
    }
    expect(killed).toBe(5);
    const habits = new Set(deployment.news.flatMap((news) => (news.kind === 'habit' ? [news.habit] : [])));
    expect(habits.size).toBeGreaterThan(0);
    // On a good day, so that every call is waited for: all stand still until their time is over, and Lambda ends them.
    await deployment.listen();
    const timedOut = () => failures().some((message) => /timed out/.test(message));
    for (let round = 0; !timedOut() && round < 10; round++) {
      await feed(3);
      await expect.poll(arrived, { timeout: 300_000, interval: 500 }).toBe(total());
      deployment.signal('SIGSTOP', 'all');
    }
    // One that was stopped before it had a call to answer would be waited for as long as the cloud stands.
    deployment.signal('SIGKILL', 'all');
    await expect.poll(arrived, { timeout: 300_000, interval: 500 }).toBe(total());
    await checkCounts();
    expect(timedOut()).toBe(true);
  });

  it('goes over to changed code in the middle of the stream, with its state, and neither loses nor doubles', {
    timeout: 400_000,
  }, async () => {
    await deployment.listen();
    let over = false;
    const feeding = (async () => {
      while (!over) {
        await feed(1);
        await sleep(200);
      }
    })();
    await deployment.redeploy('ledger-two.ts');
    const isOver = async () =>
      new Set((await balances()).filter(({ code }) => code === 'two').map(({ account }) => account)).size;
    await expect.poll(isOver, { timeout: 300_000, interval: 1_000 }).toBe(accounts.length);
    over = true;
    await feeding;
    await expect.poll(arrived, { timeout: 200_000, interval: 500 }).toBe(total());
    await checkCounts();
    for (const list of Map.groupBy(await balances(), ({ account }) => account).values()) {
      const codes = list.map(({ code }) => code);
      expect(codes.lastIndexOf('one')).toBe(codes.indexOf('two') - 1);
    }
  });

  it('puts aside what cannot be read, stops a stage that cannot go on, and goes on when the mistake is mended', {
    timeout: 400_000,
  }, async () => {
    await deployment.feed('entries', [['account-0', new TextEncoder().encode('no JSON')]]);
    const before = total();
    await feed(1, { poison: true }, ['account-0']);
    await expect.poll(() => deployment.millrace('status'), { timeout: 200_000, interval: 1_000 }).toMatch(/failed/);
    await feed(3);
    expect(await arrived()).toBeGreaterThanOrEqual(before);
    expect(await deployment.millrace('dead-letters', 'list')).toMatch(/entries/);
    await deployment.redeploy('ledger-three.ts');
    await deployment.millrace('resume');
    await expect.poll(arrived, { timeout: 300_000, interval: 500 }).toBe(total());
    await checkCounts();
    expect((await balances()).at(-1)!.code).toBe('three');
  });
});
