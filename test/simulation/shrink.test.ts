import { expect, it } from 'vitest';
import { SeededRandom } from '../../lib/testing/index.ts';
import { shrink } from '../../lib/testing/simulation/index.ts';
import { rolling } from './scenarios/rolling.ts';
import { eventsIn } from './scenarios/rows.ts';

it('a life that fails for one row is shrunk to that row, without faults, and its story told', async () => {
  const make = () => ({
    ...rolling.make(new SeededRandom('rows')),
    check: ({ sources }: { sources: { [id: string]: { partitions: Parameters<typeof eventsIn>[0] } } }) =>
      eventsIn(sources['in']!.partitions).some(({ id }) => id === 17) ? 'row 17 is there' : undefined,
  });
  const { report, sources } = await shrink(3, make);
  expect(report.violation).toEqual({ invariant: '13 results', message: 'row 17 is there' });
  expect(sources['in']!.partitions.flat()).toHaveLength(1);
  expect(report.faults).toEqual([]);
  expect(report.story.at(-1)).toContain('row 17 is there');
});

it('a life in which nothing fails is left as it is', async () => {
  const make = () => rolling.make(new SeededRandom('rows'));
  const { report, tries } = await shrink(3, make);
  expect(report.violation).toBeUndefined();
  expect(tries).toBe(1);
});
