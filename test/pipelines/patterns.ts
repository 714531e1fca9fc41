/** Patterns in sequences, and matches that ran out of time. */
import {
  ascendingTimestamps,
  begin,
  epochMillis,
  noSkip,
  seconds,
  sideOutput,
  skipPastLastEvent,
  type,
} from '../../lib/index.ts';
import { Sequence } from '../operators/pattern/reference.ts';
import { type Row, row, type SuiteCase, secondOf } from './case.ts';

/** Orders (1), reminders (2), payments (3) and cancellations (4); no two at one time, and each key in both partitions. */
const [ORDER, REMINDER, PAYMENT, CANCELLATION] = [1, 2, 3, 4] as const;
const is = (n: number) => (r: Row) => r.n === n;
const steps = [
  [
    ...[row('a', 0, ORDER), row('b', 1, ORDER), row('a', 3, REMINDER), row('c', 4, ORDER), row('b', 5, CANCELLATION)],
    ...[row('a', 7, PAYMENT), row('c', 9, PAYMENT), row('a', 12, ORDER), row('d', 20, ORDER), row('c', 40, PAYMENT)],
  ],
  [
    ...[row('b', 0.5, PAYMENT), row('a', 2, ORDER), row('a', 4.5, REMINDER), row('b', 6, PAYMENT), row('c', 8, ORDER)],
    ...[row('d', 11, ORDER), row('a', 23, PAYMENT), row('d', 27, PAYMENT), row('c', 31, ORDER), row('d', 33, ORDER)],
  ],
];

const orders = begin('order', type<Row>()).where(is(ORDER)).notFollowedBy('cancellation').where(is(CANCELLATION));
const paid = orders.followedBy('payment').where(is(PAYMENT)).within(seconds(10));
const reminded = orders
  .followedBy('reminders')
  .where(is(REMINDER))
  .oneOrMore()
  .greedy()
  .followedBy('payment')
  .where(is(PAYMENT))
  .within(seconds(10));

interface Told {
  readonly key: string;
  readonly at: number;
  readonly records: Readonly<Record<string, readonly unknown[]>>;
}

/** The same by the reference: what is said of each key's whole sequence. */
function stories({ shape }: typeof paid | typeof reminded, skip: ReturnType<typeof noSkip>) {
  const all = steps.flat().sort((a, b) => a.at! - b.at!);
  const keys = [...new Set(all.map(({ key }) => key))];
  const told = keys.map((key) => {
    const records = all.filter((r) => r.key === key).map((value) => ({ value, time: value.at! }));
    const { matches, timedOut } = new Sequence(records, shape).story(skip);
    const tell = ({ lists, time }: (typeof matches)[number]): Told => ({ key, at: secondOf(time), records: lists });
    return { matches: matches.map(tell), timedOut: timedOut.map(tell) };
  });
  return { matches: told.flatMap(({ matches }) => matches), timedOut: told.flatMap(({ timedOut }) => timedOut) };
}

const unpaid = sideOutput<Told>('unpaid');

export const patterns: readonly SuiteCase[] = [
  {
    name: 'patterns',
    shows: 'find patterns in sequences that two partitions share, and tell of what ran out of time',
    rows: { in: steps },
    build(p, ends) {
      const keyed = p
        .source('in', ends.source('in'), {
          eventTime: (r) => epochMillis(r.at!),
          watermark: ascendingTimestamps(),
          idle: 'hold',
        })
        .keyBy('by-key', (r) => r.key);
      const found = keyed.match(
        'paid',
        paid,
        (records, { key, eventTime }): Told => ({ key, at: secondOf(eventTime), records: { ...records } }),
        {
          timedOut: {
            to: unpaid,
            make: (records, { key, eventTime }) => ({ key, at: secondOf(eventTime), records: { ...records } }),
          },
        },
      );
      found.to('paid-out', ends.sink('paid-out'));
      found.sideOutput(unpaid).to('unpaid-out', ends.sink('unpaid-out'));
      keyed
        .match(
          'reminded',
          reminded,
          (records, { key, eventTime }): Told => ({ key, at: secondOf(eventTime), records: { ...records } }),
          { afterMatch: skipPastLastEvent() },
        )
        .to('reminded-out', ends.sink('reminded-out'));
    },
    results: {
      'paid-out': stories(paid, noSkip()).matches,
      'unpaid-out': stories(paid, noSkip()).timedOut,
      'reminded-out': stories(reminded, skipPastLastEvent()).matches,
    },
  },
];
