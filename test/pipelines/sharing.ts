/** Operators of two inputs: state that both share, and rules that come to every task. */
import {
  ascendingTimestamps,
  broadcastProcess,
  connectedProcess,
  type EventTime,
  epochMillis,
  list,
  map,
  type PipelineBuilder,
  type,
  value,
} from '../../lib/index.ts';
import { type Ends, type Row, row, START, type SuiteCase, secondOf } from './case.ts';

const keyed = (p: PipelineBuilder, ends: Ends, id: string) => given(p, ends, id).keyBy(`${id}-key`, (r) => r.key);
const given = (p: PipelineBuilder, ends: Ends, id: string) =>
  p.source(id, ends.source(id), {
    eventTime: (r) => epochMillis(r.at!),
    watermark: ascendingTimestamps(),
    idle: 'hold',
  });

const orders = [
  [row('a', 1, 5), row('b', 2, 1), row('a', 3, 7), row('a', 8, 2), row('c', 21, 4)],
  [row('b', 0.5, 9), row('a', 4, 3), row('b', 13, 6), row('d', 14, 8)],
];
const payments = [[row('a', 2, 5), row('b', 3.5, 12), row('a', 6, 1), row('e', 9, 3), row('b', 17, 6)]];

/** The end of the five seconds that a time is in. */
const endOf = (time: number): EventTime => epochMillis(START + (Math.floor((time - START) / 5_000) + 1) * 5_000);

interface Balance {
  readonly key: string;
  readonly at: number;
  /** All that was ordered by then, less all that was paid. */
  readonly open: number;
  /** The payments of the last five seconds. */
  readonly paid: readonly number[];
}

/** What is open of each key whenever there was something in five seconds, at their end. */
const balance = connectedProcess('balance', {
  left: type<Row>(),
  right: type<Row>(),
  key: type<string>(),
  out: type<Balance>(),
  state: { orders: map<number, number>(), payments: map<number, readonly number[]>(), open: value<number>() },
  onLeft({ n }, { state, timers, eventTime }) {
    const end = endOf(eventTime);
    state.orders.set(end, (state.orders.get(end) ?? 0) + n);
    timers.onEventTime(end);
  },
  onRight({ n }, { state, timers, eventTime }) {
    const end = endOf(eventTime);
    state.payments.set(end, [...(state.payments.get(end) ?? []), n]);
    timers.onEventTime(end);
  },
  onTimer(end, { key, state, emit }) {
    const paid = state.payments.get(end) ?? [];
    const open = (state.open.get() ?? 0) + (state.orders.get(end) ?? 0) - total(paid);
    state.orders.delete(end);
    state.payments.delete(end);
    state.open.set(open);
    emit({ key, at: secondOf(end), open, paid });
  },
});

const total = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);

/** The same of all orders and payments at once. */
function balances(): Balance[] {
  const [ordered, paid] = [orders.flat(), payments.flat()];
  const moments = new Map(
    [...ordered, ...paid].map(({ key, at }) => [`${key} ${endOf(at!)}`, { key, end: endOf(at!) }]),
  );
  return [...moments.values()].map(({ key, end }) => {
    const before = (rows: Row[]): number[] => rows.filter((r) => r.key === key && r.at! < end).map(({ n }) => n);
    const last = paid.filter((r) => r.key === key && endOf(r.at!) === end).map(({ n }) => n);
    return { key, at: secondOf(end), open: total(before(ordered)) - total(before(paid)), paid: last };
  });
}

/** Rules by name, with the most that an order may be; 0 takes a rule away. */
const rules = [
  [row('small', 1, 3), row('tiny', 2, 1), row('some', 5, 6), row('tiny', 9, 0), row('small', 12, 4), row('odd', 20, 5)],
];
/** After all orders and rules. */
const LATER = epochMillis(START + 25_000);

interface Breach {
  readonly key: string;
  readonly rule: string;
  readonly orders: readonly number[];
}

/** Which orders of a key break which rules, when all are known. */
const check = broadcastProcess('check', {
  in: type<Row>(),
  rule: type<Row>(),
  key: type<string>(),
  out: type<Breach>(),
  state: { orders: list<number>() },
  broadcastState: { rules: map<string, number>() },
  onRecord({ n }, { state, timers }) {
    state.orders.add(n);
    timers.onEventTime(LATER);
  },
  onBroadcast({ key, n }, { broadcast }) {
    if (n === 0) broadcast.rules.delete(key);
    else broadcast.rules.set(key, n);
  },
  onTimer(_, { key, state, broadcast, emit }) {
    for (const [rule, most] of broadcast.rules.entries()) {
      const over = state.orders.get().filter((n) => n > most);
      if (over.length > 0) emit({ key, rule, orders: over.sort() });
    }
  },
});

function breaches(): Breach[] {
  const standing = new Map(rules.flat().map(({ key, n }) => [key, n]));
  const keys = [...new Set(orders.flat().map(({ key }) => key))];
  return keys.flatMap((key) =>
    [...standing].flatMap(([rule, most]) => {
      const over = orders.flat().filter((r) => r.key === key && most > 0 && r.n > most);
      return over.length === 0 ? [] : [{ key, rule, orders: over.map(({ n }) => n).sort() }];
    }),
  );
}

export const sharing: readonly SuiteCase[] = [
  {
    name: 'sharing',
    shows: 'share state between two inputs, and hold records to rules that come to every task',
    rows: { orders, payments, rules },
    build(p, ends) {
      const ordered = keyed(p, ends, 'orders');
      ordered
        .connect(keyed(p, ends, 'payments'))
        .process(balance)
        .to('balance-out', ends.sink('balance-out'));
      ordered
        .connect(given(p, ends, 'rules').broadcast('everywhere'))
        .process(check)
        .to('check-out', ends.sink('check-out'));
    },
    results: { 'balance-out': balances(), 'check-out': breaches() },
  },
];
