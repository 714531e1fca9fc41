import { expect, it } from 'vitest';
import { warnings } from '../../cli/warnings.ts';

it('tells the first warnings of a run, once that there are more, and nothing else', () => {
  const told: string[] = [];
  const telemetry = warnings((text) => told.push(text));
  telemetry.log('info', 'no warning');
  telemetry.log('error', 'told elsewhere');
  for (let i = 0; i < 30; i++) telemetry.log('warn', `warning ${i}`);
  expect(told).toHaveLength(11);
  expect(told.slice(0, 2)).toEqual(['warning 0', 'warning 1']);
  expect(told.at(-1)).toBe('more warnings are not shown');
});
