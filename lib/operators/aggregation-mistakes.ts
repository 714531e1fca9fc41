import { isObject, settings } from './author-code.ts';
import type { Mistake } from './definition.ts';

/** What every aggregator has. */
const FOLD = ['create', 'add', 'merge', 'result', 'clone'];

/** What is wrong with what should be an aggregator, or several under names. */
export function aggregationMistakes(aggregation: unknown): Mistake[] {
  const given = settings(aggregation as Record<string, unknown> | undefined);
  if (typeof given['create'] === 'function') return foldMistakes('what it aggregates by', given);
  const parts = Object.entries(given);
  if (parts.length === 0) return [{ rule: 'it aggregates nothing', fix: 'give it count(), or { flights: count() }' }];
  return parts.flatMap(([name, part]) => foldMistakes(`its aggregate "${name}"`, part));
}

function foldMistakes(what: string, given: unknown): Mistake[] {
  const missing = FOLD.filter((name) => !isObject(given) || typeof given[name] !== 'function');
  if (missing.length === 0) return [];
  const fix = 'give count(), sum(...) or another, or make one by aggregator({ create, add, merge, result })';
  return [{ rule: `${what} is no aggregator: it has no ${missing.join(', ')}`, fix }];
}
