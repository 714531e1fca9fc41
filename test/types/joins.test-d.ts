import { expectTypeOf, test } from 'vitest';
import {
  type BroadcastStream,
  broadcastProcess,
  connectedProcess,
  type EventTime,
  type KeyedStream,
  map,
  minutes,
  type Stream,
  session,
  sideOutput,
  tumbling,
  type,
  value,
} from '../../lib/index.ts';

interface Order {
  readonly id: string;
  readonly amount: number;
}
interface Payment {
  readonly order: string;
  readonly paid: number;
}
interface Rule {
  readonly name: string;
}

declare const orders: KeyedStream<string, Order>;
declare const payments: KeyedStream<string, Payment>;
declare const byNumber: KeyedStream<number, Payment>;
declare const loose: Stream<Payment>;
declare const rules: Stream<Rule>;

test('an interval join knows both records, the key and what may be missing', () => {
  const joined = orders.intervalJoin(payments).between(minutes(-5), minutes(5));
  const pairs = joined.join('a', (order, payment, ctx) => {
    expectTypeOf(order).toEqualTypeOf<Order>();
    expectTypeOf(payment).toEqualTypeOf<Payment>();
    expectTypeOf(ctx.key).toEqualTypeOf<string>();
    expectTypeOf(ctx.leftTime).toEqualTypeOf<EventTime | undefined>();
    return order.amount > 1 ? { id: order.id, paid: payment.paid } : undefined;
  });
  expectTypeOf(pairs).toEqualTypeOf<Stream<{ id: string; paid: number }>>();
  joined.leftJoin('b', (order, payment) => {
    expectTypeOf(order).toEqualTypeOf<Order>();
    expectTypeOf(payment).toEqualTypeOf<Payment | undefined>();
  });
  joined.rightJoin('c', (order, payment) => {
    expectTypeOf(order).toEqualTypeOf<Order | undefined>();
    expectTypeOf(payment).toEqualTypeOf<Payment>();
  });
  expectTypeOf(joined.outerJoin('d', (order, payment) => order?.amount ?? payment?.paid ?? 0)).toEqualTypeOf<
    Stream<number>
  >();
  // @ts-expect-error: the id is missing
  joined.join((order: Order) => order);
});

test('both sides need a key, of one type', () => {
  // @ts-expect-error: a stream without a key
  orders.intervalJoin(loose);
  // @ts-expect-error: keys of another type
  orders.intervalJoin(byNumber);
  // @ts-expect-error: keys of another type
  orders.windowJoin(byNumber, tumbling(minutes(1)));
  // @ts-expect-error: keys of another type
  orders.coGroup(byNumber, tumbling(minutes(1)));
  // @ts-expect-error: a stream without a key has nothing to join by
  loose.intervalJoin(payments);
});

test('late outputs take the records of their side', () => {
  const late = sideOutput<Payment>('late');
  const right = orders.intervalJoin(payments).between(minutes(0), minutes(5), { lateRight: late });
  expectTypeOf(right.join('a', (order) => order).sideOutput(late)).toEqualTypeOf<Stream<Payment>>();
  // @ts-expect-error: the left side has orders
  orders.intervalJoin(payments).between(minutes(0), minutes(5), { lateLeft: late });
});

test('window joins and co-groups know key, window and records', () => {
  orders
    .windowJoin(
      payments,
      session((record) => minutes('paid' in record ? 1 : 2)),
    )
    .leftJoin('a', (order, payment, { key, window }) => {
      expectTypeOf(payment).toEqualTypeOf<Payment | undefined>();
      expectTypeOf(window.start).toEqualTypeOf<EventTime>();
      return { key, order };
    });
  const grouped = orders.coGroup(payments, tumbling(minutes(1))).process('b', (key, window, lefts, rights) => ({
    key,
    at: window.end,
    lefts: lefts.length,
    paid: rights[0]?.paid,
  }));
  expectTypeOf(grouped).toEqualTypeOf<
    Stream<{ key: string; at: EventTime; lefts: number; paid: number | undefined }>
  >();
});

test('connected streams take an operator of their types', () => {
  const both = connectedProcess('both', {
    left: type<Order>(),
    right: type<Payment>(),
    key: type<string>(),
    out: type<number>(),
    state: { open: value<number>() },
    onLeft: (order, ctx) => ctx.state.open.set(order.amount),
    onRight: (payment, ctx) => ctx.emit(payment.paid - (ctx.state.open.get() ?? 0)),
  });
  expectTypeOf(orders.connect(payments).process(both)).toEqualTypeOf<Stream<number>>();
  expectTypeOf(orders.connect(payments).process('again', both)).toEqualTypeOf<Stream<number>>();
  // @ts-expect-error: the sides are the other way round
  payments.connect(orders).process(both);
  // @ts-expect-error: it needs a key
  loose.connect(loose).process(both);
});

test('rules are read-only where records are handled', () => {
  const broadcast: BroadcastStream<Rule> = rules.broadcast();
  const check = broadcastProcess('check', {
    in: type<Order>(),
    rule: type<Rule>(),
    key: type<string>(),
    out: type<string>(),
    state: { seen: value<number>() },
    broadcastState: { rules: map<string, Rule>() },
    onRecord(order, ctx) {
      expectTypeOf(ctx.broadcast.rules.get(order.id)).toEqualTypeOf<Rule | undefined>();
      // @ts-expect-error: only the handler of rules may write them
      ctx.broadcast.rules.set('a', { name: 'a' });
      ctx.state.seen.set(1);
      ctx.emit(ctx.key);
    },
    onBroadcast(rule, ctx) {
      ctx.broadcast.rules.set(rule.name, rule);
      ctx.eachKey((key, state) => {
        expectTypeOf(key).toEqualTypeOf<string>();
        expectTypeOf(state.seen.get()).toEqualTypeOf<number | undefined>();
      });
      // @ts-expect-error: what came to every task has no key
      ctx.state.seen.set(1);
    },
  });
  expectTypeOf(orders.connect(broadcast).process(check)).toEqualTypeOf<Stream<string>>();
  // @ts-expect-error: nothing else can read what is broadcast
  broadcast.map((rule) => rule);
});
