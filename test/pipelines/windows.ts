/** Windows of each kind. */
import {
  ascendingTimestamps,
  boundedOutOfOrderness,
  count,
  countWindow,
  cumulating,
  epochMillis,
  everyCount,
  globalWindow,
  hopping,
  seconds,
  session,
  sideOutput,
  sum,
  tumbling,
} from '../../lib/index.ts';
import { type Row, row, type SuiteCase, span } from './case.ts';

const inOrder = { eventTime: (r: Row) => epochMillis(r.at!), watermark: ascendingTimestamps(), idle: 'hold' } as const;

export const windows: readonly SuiteCase[] = [
  {
    name: 'tumbling',
    shows: 'counts in windows, again for a record within the allowed lateness, and puts aside what comes later',
    rows: {
      in: [[row('a', 0), row('a', 300), row('a', 241), row('a', 180), row('a', 190), row('a', 60), row('b', 302)]],
    },
    build(p, ends) {
      const tooLate = sideOutput<Row>('too-late');
      const counted = p
        .source('in', ends.source('in'), {
          eventTime: (r) => epochMillis(r.at!),
          watermark: boundedOutOfOrderness(seconds(10)),
        })
        .keyBy('by-key', (r) => r.key)
        .window(tumbling(seconds(60)), { allowedLateness: seconds(60), late: tooLate })
        .aggregate('counts', { n: count() });
      counted.to('out', ends.sink('out'));
      counted.sideOutput(tooLate).to('late', ends.sink('late'));
    },
    results: {
      out: [
        { key: 'a', ...span(0, 60), n: 1 },
        { key: 'a', ...span(180, 240), n: 1 },
        { key: 'a', ...span(180, 240), n: 2 },
        { key: 'a', ...span(240, 300), n: 1 },
        { key: 'a', ...span(300, 360), n: 1 },
        { key: 'b', ...span(300, 360), n: 1 },
      ],
      late: [row('a', 60)],
    },
  },
  {
    name: 'hopping',
    shows: 'counts each record in each window over it',
    rows: { in: [[row('a', 1), row('a', 3)], [row('b', 2), row('b', 5)], []] },
    build(p, ends) {
      p.source('in', ends.source('in'), inOrder)
        .keyBy('by-key', (r) => r.key)
        .window(hopping(seconds(4), seconds(2)))
        .aggregate('counts', { n: count() })
        .to('out', ends.sink('out'));
    },
    results: {
      out: [
        { key: 'a', ...span(-2, 2), n: 1 },
        { key: 'a', ...span(0, 4), n: 2 },
        { key: 'a', ...span(2, 6), n: 1 },
        { key: 'b', ...span(0, 4), n: 1 },
        { key: 'b', ...span(2, 6), n: 2 },
        { key: 'b', ...span(4, 8), n: 1 },
      ],
    },
  },
  {
    name: 'cumulating',
    shows: 'counts from one beginning on to one end after another, over two partitions',
    rows: { in: [[row('a', 1), row('a', 3), row('a', 7)], [row('a', 5)]] },
    build(p, ends) {
      p.source('in', ends.source('in'), inOrder)
        .keyBy('by-key', (r) => r.key)
        .window(cumulating(seconds(6), seconds(2)))
        .aggregate('counts', { n: count() })
        .to('out', ends.sink('out'));
    },
    results: {
      out: [
        { key: 'a', ...span(0, 2), n: 1 },
        { key: 'a', ...span(0, 4), n: 2 },
        { key: 'a', ...span(0, 6), n: 3 },
        { key: 'a', ...span(6, 8), n: 1 },
        { key: 'a', ...span(6, 10), n: 1 },
        { key: 'a', ...span(6, 12), n: 1 },
      ],
    },
  },
  {
    name: 'sessions',
    shows: 'end sessions by silence, grow one by a late record, and put aside one that is too late',
    rows: {
      in: [[row('a', 0), row('a', 1), row('a', 5.5), row('a', 2.5), row('b', 6), row('a', 20), row('a', 1, 7)]],
    },
    build(p, ends) {
      const tooLate = sideOutput<Row>('too-late');
      const visits = p
        .source('in', ends.source('in'), inOrder)
        .keyBy('by-key', (r) => r.key)
        .window(session(seconds(2)), { allowedLateness: seconds(3), late: tooLate })
        .aggregate('visits', { n: count() });
      visits.to('out', ends.sink('out'));
      visits.sideOutput(tooLate).to('late', ends.sink('late'));
    },
    results: {
      out: [
        { key: 'a', ...span(0, 3), n: 2 },
        { key: 'a', ...span(0, 4.5), n: 3 },
        { key: 'a', ...span(5.5, 7.5), n: 1 },
        { key: 'b', ...span(6, 8), n: 1 },
        { key: 'a', ...span(20, 22), n: 1 },
      ],
      late: [row('a', 1, 7)],
    },
  },
  {
    name: 'counted',
    shows: 'fire windows by count, and those without end as their trigger says or when the input has ended',
    rows: { in: [[row('a', 1, 1), row('b', 1, 10), row('a', 1, 2), row('a', 2, 3), row('a', 2, 4), row('a', 2, 5)]] },
    build(p, ends) {
      const byKey = p.source('in', ends.source('in'), inOrder).keyBy('by-key', (r) => r.key);
      const total = { sum: sum((r: Row) => r.n) };
      byKey
        .window(countWindow(2))
        .aggregate('pairs', total, (key, _, all) => ({ key, ...all }))
        .to('pairs-out', ends.sink('pairs-out'));
      byKey
        .window(globalWindow())
        .aggregate('all', total, (key, _, all) => ({ key, ...all }))
        .to('all-out', ends.sink('all-out'));
      byKey
        .window(globalWindow(), { trigger: everyCount(3) })
        .aggregate('threes', total, (key, _, all) => ({ key, ...all }))
        .to('threes-out', ends.sink('threes-out'));
    },
    results: {
      'pairs-out': [
        { key: 'a', sum: 3 },
        { key: 'a', sum: 7 },
      ],
      'all-out': [
        { key: 'a', sum: 15 },
        { key: 'b', sum: 10 },
      ],
      'threes-out': [{ key: 'a', sum: 6 }],
    },
  },
];
