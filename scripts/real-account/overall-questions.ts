// What only the whole of what was seen tells: to be asked last.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Question } from './question.ts';
import { came, mostAtOnce, overlapsIn, repetitionIn, secondsText } from './seen.ts';

export const overallQuestions: readonly Question[] = [
  {
    id: 'order-and-overlap',
    text: 'Over all of this: did records come in order, did they come again without need, and were two deliveries of a partition under way at once?',
    async ask(probe) {
      await probe.feed([
        { partition: 5, value: { id: 'slow', order: { kind: 'sleep', ms: 3_000 } } },
        ...Array.from({ length: 5 }, (_, i) => ({ partition: 5, value: { id: `behind-slow-${i}` } })),
      ]);
      await sleep(1_500);
      await probe.feed([{ partition: 5, value: { id: 'after-slow' } }]);
      const calls = await probe.until(came('slow', 'after-slow'), 90);
      const overlaps = overlapsIn(calls);
      const { records, afterSuccess, afterFailure, outOfOrder } = repetitionIn(calls);
      const longest = Math.max(0, ...overlaps.map(({ ms }) => ms));
      return {
        text: `${records} records: ${outOfOrder} out of order, ${afterSuccess} again after success, ${afterFailure} again after failure; ${overlaps.length} overlaps${overlaps.length === 0 ? '' : `, ${secondsText(longest)} at most`}`,
        holds: outOfOrder === 0,
      };
    },
  },
  {
    id: 'kept-processes',
    text: 'How many calls does a process answer, and does it answer two at once?',
    async ask(probe) {
      const calls = await probe.seen();
      const processes = new Set(calls.map(({ instance }) => instance)).size;
      return { text: `${calls.length} calls in ${processes} processes, ${mostAtOnce(calls)} at once` };
    },
  },
];
