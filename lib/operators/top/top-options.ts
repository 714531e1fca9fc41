import type { Duration, Key } from '../../model/index.ts';
import { functionMistakes, optionalMistakes, shown } from '../author-code.ts';
import type { Mistake, OperatorDefinition } from '../definition.ts';
import { lifeOf, ttlMistakes } from '../row-life.ts';
import { type Order, orderMistakes, type SortKey } from './sort-key.ts';
import type { TopRows } from './top-rows.ts';

/** How the best of a group are found and what comes out. */
export interface TopSpec<T> {
  /** What a record, or row, is ranked by: a number, bigint, text or date, or a tuple of them. Deterministic. */
  readonly by: (record: T) => SortKey;
  /** Which comes first: `descending` (default) the largest, `ascending` the smallest; of a tuple one for all, or one for each criterion. */
  readonly order?: Order | readonly Order[];
  /** What is a row of the result. Default `lists`. */
  readonly rows?: TopRows;
}

/** How the best of a stream are found. */
export interface TopOfRecordsSpec<T> extends TopSpec<T> {
  /** Which entity a record is about: it takes the place of what was known of that entity, in its group. All entities of a group are kept. */
  readonly unique?: (record: T) => Key;
  /** How long what is kept stays after the last record: with `unique` each entity by itself, otherwise each group as a whole. */
  readonly ttl?: Duration;
  /** The time in which `ttl` counts. Default `event`. */
  readonly ttlBy?: 'event' | 'processing';
}

type Spec = TopOfRecordsSpec<never>;

/** What a plan must know of any top. */
export function topFacts(n: number, spec: Spec) {
  const { by, order = 'descending', rows = 'lists', unique, ttl, ttlBy = 'event' } = spec;
  const byEvent = ttl !== undefined && ttlBy === 'event';
  return {
    type: 'top',
    needsKey: true,
    stateful: true,
    updates: true,
    eventTime: byEvent,
    processingTime: ttl !== undefined && !byEvent,
    steps: byEvent ? 'every' : 'none',
    options: {
      layout: { n, order, rows, unique: unique !== undefined, ttl: lifeOf(ttl, ttlBy) },
      ...(ttl === undefined ? {} : { ttl }),
    },
    functions: unique === undefined ? [by] : [by, unique],
  } satisfies Partial<OperatorDefinition>;
}

/** What is wrong with it. `entries`: whether entries have an identity. */
export function topMistakes(n: number, { by, order, rows, unique, ttl, ttlBy }: Spec, entries: boolean): Mistake[] {
  const mistakes = [
    ...functionMistakes('top', by, 'say what to rank by: { by: (record) => record.amount }'),
    ...optionalMistakes('its `unique`', unique),
    ...ttlMistakes(ttl, ttlBy),
  ];
  if (!(Number.isSafeInteger(n) && n >= 1)) {
    mistakes.push({ rule: `it keeps the best ${shown(n)}`, fix: 'give a whole number from 1' });
  }
  if (order !== undefined) mistakes.push(...orderMistakes(order));
  if (rows !== undefined && !['lists', 'ranks', 'entries'].includes(rows)) {
    mistakes.push({ rule: `its rows are "${rows}"`, fix: `say 'lists', 'ranks' or 'entries'` });
  }
  if (rows === 'entries' && !entries) {
    mistakes.push({
      rule: 'its rows are entries, and records of a stream have no identity of their own',
      fix: 'say which entity a record is about: { unique: (record) => record.id }',
    });
  }
  return mistakes;
}
