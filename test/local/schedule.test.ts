import { expect, it } from 'vitest';
import { LocalSchedule, type News } from '../../lib/local/index.ts';
import { milliseconds } from '../../lib/model/index.ts';

it('calls each period and never twice at once, whatever comes of a call', async () => {
  const news: News[] = [];
  let calls = 0;
  let underWay = 0;
  const schedule = new LocalSchedule({
    functionName: 'controller',
    input: '{"a":1}',
    period: milliseconds(10),
    tell: (each) => news.push(each),
    call: async (name, input) => {
      expect([name, input, ++underWay]).toEqual(['controller', '{"a":1}', 1]);
      await new Promise((resolve) => setTimeout(resolve, 15));
      underWay--;
      calls++;
      if (calls === 1) return { kind: 'failed', message: 'no' };
      if (calls === 2) throw new Error('unreachable');
      return { kind: 'answered', answer: '' };
    },
  });
  await expect.poll(() => calls).toBeGreaterThan(3);
  await schedule.stop();
  expect(underWay).toBe(0);
  const after = calls;
  await new Promise((resolve) => setTimeout(resolve, 40));
  expect(calls).toBe(after);
  expect(news.map(({ kind }) => kind)).toEqual(['failed', 'trouble']);
});
