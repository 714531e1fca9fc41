/**
 * What authors without types leave out or get wrong: each method of all that they hold is called with something else in the place of each argument, and with too few. Each such call is a
 * mistake that is listed, where the argument is needed, and never an error of any other kind.
 */
import { isDeepStrictEqual } from 'node:util';
import { describe, expect, it } from 'vitest';
import {
  begin,
  broadcastProcess,
  collection,
  connectedProcess,
  count,
  epochMillis,
  MillraceError,
  type PipelineBuilder,
  type PlanFault,
  pipeline,
  process,
  seconds,
  sideOutput,
  toMemory,
  tumbling,
  type,
  untilTimeLimit,
} from '../../lib/index.ts';

type Method = (...args: readonly unknown[]) => unknown;
type Methods = Readonly<Record<string, Method>>;

/** What is tried in the place of each argument. */
const TRIED = [undefined, null, 5, {}];

/** What is said to be wrong. An error of any other kind is thrown on. */
function faultsOf(run: () => unknown): readonly PlanFault[] {
  try {
    run();
  } catch (error) {
    if (!(error instanceof MillraceError) || error.kind !== 'invalid-pipeline') throw error;
    if (Array.isArray(error.cause)) return error.cause as PlanFault[];
    return [{ operator: error.where.pipeline ?? '', rule: error.message, fix: error.hint ?? '' }];
  }
  return [];
}

const late = sideOutput<unknown>('late');
const windows = tumbling(seconds(1));
const fn = (): number => 1;
const key = (): string => 'k';
const each = process('it', { onRecord() {} });
const both = connectedProcess('it', { onLeft() {}, onRight() {} });
const ruled = broadcastProcess('rule', { broadcastState: {}, onRecord() {}, onBroadcast() {} });

/** What an author holds, each made when it is first asked for, as what is made must lead to a sink. */
class Held {
  readonly stream;
  readonly keyed;
  readonly other;
  readonly #made = new Map<string, unknown>();

  constructor(p: PipelineBuilder) {
    this.stream = p.source('in', collection<unknown>([]), { eventTime: () => epochMillis(0) });
    this.keyed = this.stream.keyBy('keyed', key);
    this.other = this.stream.keyBy('other', key);
    for (const stream of [this.keyed, this.other]) stream.to(`out-${stream === this.keyed}`, toMemory());
  }

  get(name: string): unknown {
    if (!this.#made.has(name)) this.#made.set(name, this.#make(name));
    return this.#made.get(name);
  }

  #make(name: string): unknown {
    const { stream, keyed, other } = this;
    const withTag = { late: late as never };
    const made: Readonly<Record<string, () => unknown>> = {
      ...{ stream: () => stream, keyed: () => keyed, other: () => other },
      windowed: () => keyed.window(windows),
      windowedAll: () => stream.windowAll(windows),
      withLate: () => keyed.window(windows, withTag).aggregate('with-late', count()),
      table: () => sunk('table', keyed.toTable('table')),
      otherTable: () => sunk('other-table', other.toTable('other-table')),
      windowTable: () => sunk('window-table', keyed.window(windows, withTag).toTable('window-table', count())),
      versions: () => keyed.toVersionedTable(),
      global: () => other.toTable('rows').global('global'),
      grouped: () => sunk('rows', keyed.toTable('rows')).groupBy('groups', key),
      intervalJoined: () => keyed.intervalJoin(other),
      joined: () => keyed.windowJoin(other, windows),
      coGrouped: () => keyed.coGroup(other, windows),
      connected: () => stream.connect(stream),
    };
    return made[name]!();
  }
}

function sunk<T extends { to(id: string, sink: never): void }>(id: string, table: T): T {
  table.to(`${id}-out`, toMemory() as never);
  return table;
}

/** Leads what a call has made to a sink, so that nothing is wrong but the call. */
function finish(made: unknown, held: Held): void {
  const of = made as Methods;
  const ends: Readonly<Record<string, () => unknown>> = {
    Written: () => void of['to']!('end', toMemory()),
    WrittenTable: () => void of['to']!('end', toMemory()),
    WrittenGlobalTable: () => (held.stream.join as Method)('next', made, key, fn),
    WrittenVersions: () => (held.other.temporalJoin as Method)('next', made, fn),
    Grouped: () => of['count']!('next'),
    Windowed: () => of['process']!('next', fn),
    IntervalJoined: () => of['between']!(0, 1),
    Joined: () => of['join']!('next', fn),
    CoGroupedStreams: () => of['process']!('next', fn),
    ConnectedStreams: () => of['process']!(both),
    Object: () => of['otherwise'],
  };
  const next = made === undefined ? undefined : ends[classOf(made)]!();
  if (next !== undefined) finish(next, held);
}

const classOf = (made: unknown): string => (made as object).constructor.name;

/** An argument: what is right, and what of all that is tried is right too. A text that begins with $ stands for what is held under that name. */
type Argument = readonly [right: unknown, ...others: unknown[]];

const id: Argument = ['it'];
const idOrNone: Argument = ['it', undefined];
const fun: Argument = [fn];
const funOrNone: Argument = [fn, undefined];
const options: Argument = [{}, undefined];
const limit = { limit: 1, per: seconds(1), excess: 'drop' };
const pattern = begin('first', type<unknown>()).within(seconds(1));
const lookup = { key, fetch: fn };
const group = { init: fn, add: fn, subtract: fn };
const top: Argument = [{ by: fn }];

type Calls = readonly (readonly [names: string, ...args: readonly Argument[]])[];

/** Calls by what they are made of; several methods that take the same stand together. */
const CALLS: Readonly<Record<string, Calls>> = {
  stream: [
    ['map filter flatMap async asyncFlatMap', id, fun, options],
    ['map filter flatMap', fun, options],
    ['keyBy partitionBy', id, fun, options],
    ['rebalance', idOrNone, options],
    ['rebalance', options],
    ['union connect', ['$other']],
    ['broadcast', idOrNone],
    ['split', id, [{ some: fn }], options],
    ['lookupJoin leftLookupJoin', id, [lookup], fun, options],
    ['rateLimit', id, [limit], options],
    ['sample', id, [{ fraction: 0.5 }], options],
    ['sample', [{ fraction: 0.5 }], options],
    ['process', id, [each], options],
    ['process', [each], options],
    ['windowAll', [windows], options],
    ['join leftJoin', id, ['$global'], fun, fun, options],
    ['to', id, [toMemory()]],
  ],
  withLate: [['sideOutput', [late]]],
  keyed: [
    ['mapValues flatMapValues', id, fun, options],
    ['mapValues flatMapValues', fun, options],
    ['intervalJoin', ['$other']],
    ['windowJoin coGroup', ['$other'], [windows], options],
    ['match', id, [pattern], fun, options],
    ['reduce', id, fun, options],
    ['aggregate', id, [count()], options],
    ['toTable', id, funOrNone, options],
    ['toTable', id, [count(), undefined], options],
    ['toVersionedTable', funOrNone],
    ['deduplicate', id, options],
    ['top', id, [2, 5], top],
    ['join leftJoin', id, ['$otherTable'], fun, options],
    ['temporalJoin leftTemporalJoin', id, ['$versions'], fun, options],
    ['window', [windows], options],
  ],
  windowTable: [['sideOutput', [late]]],
  table: [
    ['suppress', id, [untilTimeLimit(seconds(1))], options],
    ['global', idOrNone],
    ['filter mapValues groupBy', id, fun, options],
    ['filter mapValues', fun, options],
    ['join leftJoin outerJoin', id, ['$otherTable'], fun, options],
    ['join leftJoin', id, ['$otherTable'], fun, fun, options],
    ['toStream changes', idOrNone, options],
    ['toStream changes', options],
    ['to', id, [toMemory()]],
  ],
  grouped: [
    ['count', id, options],
    ['reduce', id, fun, fun, options],
    ['aggregate', id, [group], options],
    ['top', id, [2, 5], top],
  ],
  windowed: [
    ['aggregate', id, [count()], funOrNone, options],
    ['aggregate toTable', id, [count()], options],
    ['reduce', id, fun, funOrNone, options],
    ['reduce process', id, fun, options],
  ],
  windowedAll: [
    ['aggregate', id, [count()], options],
    ['reduce process', id, fun, options],
  ],
  intervalJoined: [['between', [0, 5], [5, 5], options]],
  joined: [['join leftJoin rightJoin outerJoin', id, fun, options]],
  coGrouped: [['process', id, fun, options]],
  connected: [
    ['process', id, [both], options],
    ['process', [both], options],
  ],
};

/** Where too few arguments mean another call that is right. */
const RIGHT_WITH_FEWER: Readonly<Record<string, number>> = {
  'stream.union/1': 0,
  'table.join/5': 3,
  'table.leftJoin/5': 3,
};

const cases = Object.entries(CALLS).flatMap(([on, calls]) =>
  calls.flatMap(([names, ...args]) =>
    names.split(' ').map((name) => ({ on, name, args, call: `${on}.${name}/${args.length}` })),
  ),
);

type Case = (typeof cases)[number];

/** What is wrong with the call with these arguments. */
const faultsWith = ({ on, name }: Case, args: readonly unknown[]): readonly PlanFault[] =>
  faultsOf(() =>
    pipeline('test', (p) => {
      const held = new Held(p);
      const given = args.map((arg) => (typeof arg === 'string' && arg.startsWith('$') ? held.get(arg.slice(1)) : arg));
      const made = (held.get(on) as Methods)[name]!(...given);
      if (on === 'withLate') sunk('with-late', held.get(on) as never);
      if (name === 'broadcast') {
        const connected = (held.stream.connect as unknown as (rules: unknown) => Methods)(made);
        finish(connected['process']!(ruled), held);
      } else finish(made, held);
    }),
  );

const rightOnes = (args: readonly Argument[]): readonly unknown[] => args.map(([right]) => right);
describe.each(cases)('$call', (one) => {
  const { call, args } = one;

  it('is right as it is meant', () => {
    expect(faultsWith(one, rightOnes(args))).toEqual([]);
  });

  it('says what is wrong with each argument', () => {
    for (const [at, accepted] of args.entries()) {
      for (const other of TRIED) {
        const what = `${JSON.stringify(other)} as argument ${at + 1}`;
        const faults = faultsWith(one, rightOnes(args).with(at, other));
        expect(faults.length === 0, what).toBe(accepted.some((right) => isDeepStrictEqual(right, other)));
        expect(faults.every(({ operator, rule, fix }) => operator !== '' && rule.length > 5 && fix.length > 5)).toBe(
          true,
        );
        if (faults.length > 0 && args[0] === id && at > 0) expect(faults[0]!.operator, what).toBe('it');
      }
    }
  });

  it('says so where arguments are missing', () => {
    for (let n = 0; n < args.length; n++) {
      const needed = args.slice(n).some((accepted) => !accepted.includes(undefined));
      const expected = needed && RIGHT_WITH_FEWER[call] !== n;
      expect(faultsWith(one, rightOnes(args).slice(0, n)).length > 0, `${n} arguments`).toBe(expected);
    }
  });
});

it('every method of what an author holds is called here', () => {
  const own = new Set(['constructor', 'located']);
  const methods = new Map<string, Set<string>>();
  pipeline('test', (p) => {
    const held = new Held(p);
    for (const on of Object.keys(CALLS)) {
      const of = held.get(on) as object;
      const called = methods.get(classOf(of)) ?? new Set(Object.getOwnPropertyNames(Object.getPrototypeOf(of)));
      for (const { name } of cases.filter((one) => one.on === on)) called.delete(name);
      methods.set(classOf(of), called);
    }
    sunk('with-late', held.get('withLate') as never);
  });
  expect(
    [...methods].flatMap(([of, left]) => [...left].filter((name) => !own.has(name)).map((name) => `${of}.${name}`)),
  ).toEqual([]);
});
