import type { Clock, Random } from '../ports/index.ts';

/** A name for a run: in the order of creation, with enough chance in it that no two share one. */
export function runIdOf(clock: Clock, random: Random): string {
  const when = new Date(clock.now()).toISOString().replace(/[-:]|\.\d+Z$/g, '');
  let chance = '';
  while (chance.length < 10) chance += Math.floor(random.next() * 36).toString(36);
  return `${when}-${chance}`;
}
