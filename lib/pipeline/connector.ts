import { type Mistake, settings } from '../operators/index.ts';

/** What is wrong with what should be a connector; `own` is what only connectors of its kind have. */
export function connectorMistakes(what: 'source' | 'sink', own: unknown, given: object): Mistake[] {
  const { kind, open } = settings<{ readonly kind?: unknown; readonly open?: unknown }>(given);
  if (own !== undefined && typeof kind === 'string' && typeof open === 'function') return [];
  const fix = what === 'source' ? 'give it one such as collection([...])' : 'give it one such as toMemory()';
  return [{ rule: `its connector is no ${what}`, fix }];
}
