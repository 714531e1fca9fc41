/** The best of groups against an account that keeps everything and sorts it anew at each record. */
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MIN_TIME, milliseconds } from '../../../lib/model/index.ts';
import {
  type OperatorDefinition,
  type Order,
  type TopOfRecordsSpec,
  type TopRows,
  topOfEntitiesOperator,
  topOfRecordsOperator,
  topOfTableOperator,
} from '../../../lib/operators/index.ts';
import { Harness } from '../harness.ts';

interface Row {
  readonly n: number;
  readonly name: string;
}

interface Step {
  readonly what: 'record' | 'watermark' | 'delete';
  readonly group: 'a' | 'b';
  readonly entity: number;
  readonly row: Row;
  readonly ahead: number;
  readonly again: boolean;
}

const steps = fc.array(
  fc.record<Step>({
    what: fc.constantFrom('record', 'record', 'record', 'record', 'delete', 'watermark'),
    group: fc.constantFrom('a', 'b'),
    entity: fc.nat(11),
    row: fc.record({ n: fc.nat(6), name: fc.constantFrom('x', 'y') }),
    ahead: fc.integer({ min: -8, max: 10 }),
    again: fc.boolean(),
  }),
  { maxLength: 90, size: 'max' },
);

/** What is known of an entry. */
interface Entry {
  readonly group: string;
  readonly id: number;
  readonly row: Row;
  readonly time: number;
  /** When it came. */
  readonly at: number;
  readonly until: number;
}

const TTL = milliseconds(25);
const RANKINGS: readonly {
  by: TopOfRecordsSpec<Row>['by'];
  order: Order | readonly Order[];
  sort: (a: Row, b: Row) => number;
}[] = [
  { by: ({ n }) => n, order: 'descending', sort: (a, b) => b.n - a.n },
  { by: ({ n }) => n, order: 'ascending', sort: (a, b) => a.n - b.n },
  { by: ({ n }) => String(n), order: 'descending', sort: (a, b) => b.n - a.n },
  { by: ({ n }) => (n < 3 ? n : `${n}`), order: 'ascending', sort: (a, b) => a.n - b.n },
  { by: ({ n }) => new Date(n), order: 'descending', sort: (a, b) => b.n - a.n },
  {
    by: ({ n, name }) => [name, n],
    order: ['ascending', 'descending'],
    sort: (a, b) => (a.name === b.name ? b.n - a.n : a.name < b.name ? -1 : 1),
  },
];

/** The rows of the result, by the JSON of their keys. */
type Result = ReadonlyMap<string, unknown>;

function resultOf(entries: readonly Entry[], rows: TopRows, n: number, sort: (a: Entry, b: Entry) => number): Result {
  const result = new Map<string, unknown>();
  for (const key of new Set(entries.map(({ group }) => group))) {
    const best = entries
      .filter(({ group }) => group === key)
      .sort(sort)
      .slice(0, n);
    if (rows === 'lists')
      result.set(
        JSON.stringify(key),
        best.map(({ row }) => row),
      );
    best.forEach(({ id, row }, i) => {
      if (rows === 'ranks') result.set(JSON.stringify({ key, rank: i + 1 }), row);
      if (rows === 'entries') result.set(JSON.stringify({ entry: id, key }), row);
    });
  }
  return result;
}

type Kind = 'records' | 'entities' | 'table';

interface Story {
  readonly kind: Kind;
  readonly rows: TopRows;
  readonly n: number;
  readonly ranking: number;
  readonly ttl: boolean;
  readonly steps: readonly Step[];
}

const story = (kind: Kind): fc.Arbitrary<Story> =>
  fc.record({
    kind: fc.constant(kind),
    rows: kind === 'records' ? fc.constantFrom('lists', 'ranks') : fc.constantFrom('lists', 'ranks', 'entries'),
    n: fc.constantFrom(1, 2, 3, 20),
    ranking: fc.nat(RANKINGS.length - 1),
    ttl: kind === 'table' ? fc.constant(false) : fc.boolean(),
    steps,
  });

function operatorOf({ kind, rows, n, ranking, ttl }: Story): OperatorDefinition {
  const { by, order } = RANKINGS[ranking]!;
  const common = { by, order, rows };
  const spec = ttl ? { ...common, ttl: TTL } : common;
  if (kind === 'table') return topOfTableOperator(n, common);
  if (kind === 'records') return topOfRecordsOperator(n, spec);
  const entities = { ...spec, by: ({ row }: { row: Row }) => by(row), unique: ({ id }: { id: number }) => id };
  return topOfEntitiesOperator(n, entities as TopOfRecordsSpec<{ id: number; row: Row }>);
}

/** Follows both through the steps; after each the changes must lead from one result to the next, and each must say something new. */
function follow(given: Story): void {
  const harness = new Harness(operatorOf(given));
  const { kind, rows, n, ttl } = given;
  const { sort } = RANKINGS[given.ranking]!;
  const compare = (a: Entry, b: Entry): number =>
    sort(a.row, b.row) || (kind === 'records' ? a.time - b.time || a.at - b.at : a.id - b.id);
  const wrapped = (id: number, row: Row): unknown => (kind === 'entities' ? { id, row } : row);
  let entries: Entry[] = [];
  let result: Result = new Map();
  let [watermark, seen] = [MIN_TIME as number, 0];
  given.steps.forEach(({ what, group, entity, row, ahead, again }, at) => {
    const time = Math.max(watermark, 0) + ahead;
    const was = entries.find((each) => kind !== 'records' && each.group === group && each.id === entity);
    let apply = (): unknown => harness.record(wrapped(entity, row), time, group);
    const until = ttl ? Math.max(time, watermark) + TTL : Number.POSITIVE_INFINITY;
    const entry: Entry = { group, id: entity, row, time, at, until };
    if (what === 'watermark') {
      watermark = Math.max(watermark, time);
      apply = () => harness.advance(watermark);
      const over = (each: Entry): boolean => {
        const alike = kind === 'records' ? entries.filter((other) => other.group === each.group) : [each];
        return Math.max(...alike.map((other) => other.until)) <= watermark;
      };
      entries = entries.filter((each) => !over(each));
    } else if (kind === 'records') entries = [...entries, entry];
    else {
      const after = what === 'delete' && kind === 'table' ? undefined : row;
      if (kind === 'table') {
        if (after === undefined && was === undefined) return;
        apply = () => harness.record({ before: was?.row, after, entry: entity }, time, group);
      }
      const former = was === undefined || !ttl ? 0 : was.until;
      entries = entries.filter((each) => each !== was);
      if (after !== undefined) entries.push({ ...entry, until: Math.max(until, former) });
    }
    if (again) {
      const moment = harness.mark();
      apply();
      harness.rollback(moment);
    }
    apply();
    const expected = resultOf(
      entries.map((each) => ({ ...each, row: wrapped(each.id, each.row) as Row })),
      rows,
      n,
      (a, b) => compare(unwrapped(a), unwrapped(b)),
    );
    result = checked(result, harness.emitted().slice(seen), expected, what !== 'watermark');
    seen = harness.emitted().length;
    expect(result).toEqual(expected);
  });

  const groups = new Set(entries.map(({ group }) => group));
  const lists = harness.store.tables.find(({ name }) => name === 'rows');
  if (rows === 'lists' || kind === 'records') expect([...lists!.keys()].sort()).toEqual([...groups].sort());
  harness.end();
  expect(harness.emitted()).toHaveLength(seen);

  function unwrapped(entry: Entry): Entry {
    return kind === 'entities' ? { ...entry, row: (entry.row as unknown as { row: Row }).row } : entry;
  }
}

/** The result that changes lead to. `atOnce`: they come of one record, so that each key changes at most once. */
function checked(
  result: Result,
  changes: readonly { readonly value: unknown; readonly key: unknown }[],
  expected: Result,
  atOnce: boolean,
): Result {
  const next = new Map(result);
  for (const { value, key: id } of changes) {
    const { before, after } = value as { readonly before: unknown; readonly after: unknown };
    const text = typeof id === 'string' && id.startsWith('\0') ? id.slice(1) : JSON.stringify(id);
    expect(next.get(text)).toEqual(before);
    expect(isDeepStrictEqual(before, after)).toBe(false);
    if (after === undefined) next.delete(text);
    else next.set(text, after);
  }
  const differing = [...new Set([...result.keys(), ...expected.keys()])].filter(
    (key) => !isDeepStrictEqual(result.get(key), expected.get(key)),
  );
  if (atOnce) expect(changes.length).toBe(differing.length);
  return next;
}

describe('the best of groups', () => {
  for (const kind of ['records', 'entities', 'table'] as const) {
    it(`of ${kind} are those that sorting everything anew finds, with no change that says nothing`, () => {
      fc.assert(fc.property(story(kind), follow), { numRuns: 250 });
    });
  }

  it('of a large table are right too', () => {
    const many = fc.array(
      fc.record<Step>({
        what: fc.constantFrom('record', 'record', 'record', 'delete'),
        group: fc.constant('a'),
        entity: fc.nat(200),
        row: fc.record({ n: fc.nat(60), name: fc.constant('x') }),
        ahead: fc.constant(1),
        again: fc.boolean(),
      }),
      { minLength: 300, maxLength: 400 },
    );
    fc.assert(
      fc.property(many, fc.constantFrom('table' as const, 'entities' as const), (given, kind) =>
        follow({ kind, rows: 'ranks', n: 20, ranking: 0, ttl: false, steps: given }),
      ),
      { numRuns: 6 },
    );
  });
});
