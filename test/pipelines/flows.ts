/** What is not about one kind of window: exchanges, timers, calls, records that fail, silence. */
import {
  after,
  ascendingTimestamps,
  count,
  type EventTime,
  epochMillis,
  milliseconds,
  process,
  seconds,
  sideOutput,
  sum,
  tumbling,
  type,
  value,
} from '../../lib/index.ts';
import { type Row, row, type SuiteCase, span } from './case.ts';

const inOrder = { eventTime: (r: Row) => epochMillis(r.at!), watermark: ascendingTimestamps(), idle: 'hold' } as const;

/** Tells of each key that was not heard of for two seconds, and puts aside its records beyond ten. */
const large = sideOutput<Row>('large');
const silence = process('silence', {
  in: type<Row>(),
  key: type<string>(),
  out: type<{ readonly key: string; readonly last: number; readonly heard: number }>(),
  state: { last: value<number>(), heard: value<number>(), due: value<EventTime>() },
  outputs: [large],
  onRecord(r, { state, timers, eventTime, output }) {
    if (r.n > 10) output(large, r);
    const due = state.due.get();
    if (due !== undefined) timers.cancelEventTime(due, 'silence');
    state.due.set(after(eventTime, seconds(2)));
    timers.onEventTime(after(eventTime, seconds(2)), 'silence');
    state.last.set(r.n);
    state.heard.set((state.heard.get() ?? 0) + 1);
  },
  onTimer(_, { key, state, emit }) {
    emit({ key, last: state.last.get()!, heard: state.heard.get()! });
  },
});

export const flows: readonly SuiteCase[] = [
  {
    name: 'union',
    shows: 'unite two sources, and count behind two exchanges',
    rows: {
      left: [[row('a', 1, 1), row('a', 5, 2)], [row('b', 2, 3)]],
      right: [[row('a', 3, 4), row('c', 9, 5)]],
    },
    build(p, ends) {
      p.source('left', ends.source('left'), inOrder)
        .union(p.source('right', ends.source('right'), inOrder))
        .keyBy('by-key', (r) => r.key)
        .window(tumbling(seconds(4)))
        .aggregate('sums', { sum: sum((r: Row) => r.n) })
        .keyBy('all', () => 'all')
        .window(tumbling(seconds(4)))
        .aggregate('totals', { sum: sum((r: { readonly sum: number }) => r.sum), keys: count() })
        .to('out', ends.sink('out'));
    },
    results: {
      out: [
        { key: 'all', ...span(0, 4), sum: 8, keys: 2 },
        { key: 'all', ...span(4, 8), sum: 2, keys: 1 },
        { key: 'all', ...span(8, 12), sum: 5, keys: 1 },
      ],
    },
  },
  {
    name: 'timers',
    shows: 'keep state by key, set timers and move them, and put records out at the side',
    rows: {
      in: [[row('a', 0, 1), row('a', 1, 2), row('b', 1, 12), row('c', 3.5, 11), row('a', 4, 3), row('c', 5, 4)]],
    },
    build(p, ends) {
      const heard = p
        .source('in', ends.source('in'), inOrder)
        .keyBy('by-key', (r) => r.key)
        .process(silence);
      heard.to('out', ends.sink('out'));
      heard.sideOutput(large).to('large-out', ends.sink('large-out'));
    },
    results: {
      out: [
        { key: 'a', last: 2, heard: 2 },
        { key: 'b', last: 12, heard: 1 },
        { key: 'a', last: 3, heard: 3 },
        { key: 'c', last: 4, heard: 2 },
      ],
      'large-out': [row('b', 1, 12), row('c', 3.5, 11)],
    },
  },
  {
    name: 'running',
    shows: 'give a result for each record, in the order of its key, and lead records by branches',
    rows: {
      in: [
        [row('a', 1, 1), row('a', 2, 2), row('a', 1, -1)],
        [row('b', 9, 10), row('b', 3, 20), row('b', 3, -2)],
      ],
    },
    build(p, ends) {
      const { negative, otherwise } = p
        .source('in', ends.source('in'))
        .flatMap('twice', (r) => [r, r])
        .split('signs', { negative: (r) => r.n < 0 });
      negative.to('negative-out', ends.sink('negative-out'));
      otherwise
        .keyBy('by-key', (r) => r.key)
        .aggregate('running', { sum: sum((r: Row) => r.n) })
        .to('out', ends.sink('out'));
    },
    results: {
      out: [
        ...[1, 2, 4, 6].map((total) => ({ key: 'a', sum: total })),
        ...[10, 20, 40, 60].map((total) => ({ key: 'b', sum: total })),
      ],
      'negative-out': [row('a', 1, -1), row('a', 1, -1), row('b', 3, -2), row('b', 3, -2)],
    },
  },
  {
    name: 'calls',
    shows: 'await calls in a journaled stage between two exchanges',
    rows: { in: [[row('a', 1, 2), row('b', 2, 1), row('a', 5, 0)], [row('b', 3, 3)]] },
    build(p, ends) {
      const asked = p
        .source('in', ends.source('in'), inOrder)
        .rebalance('spread')
        .asyncFlatMap('ask', async (r) => Array.from({ length: r.n }, (_, i) => ({ key: r.key, i })), { capacity: 3 });
      asked.to('asked-out', ends.sink('asked-out'));
      asked
        .keyBy('by-key', (r) => r.key)
        .window(tumbling(seconds(4)))
        .aggregate('counts', { n: count() })
        .to('out', ends.sink('out'));
    },
    results: {
      'asked-out': [
        ...[0, 1].map((i) => ({ key: 'a', i })),
        { key: 'b', i: 0 },
        ...[0, 1, 2].map((i) => ({ key: 'b', i })),
      ],
      out: [
        { key: 'a', ...span(0, 4), n: 2 },
        { key: 'b', ...span(0, 4), n: 4 },
      ],
    },
  },
  {
    name: 'letters',
    shows: 'put aside records that are bad, at the source and behind an exchange, while their neighbours go on',
    rows: {
      in: [[row('a', 1, 1), row('a', 2, -1), { key: 'a', at: null, n: 9 }, row('a', 3, 2)], [row('b', 1, -2)]],
    },
    build(p, ends) {
      p.source('in', ends.source('in'), { ...inOrder, badRecords: 'dead-letter' })
        .keyBy('by-key', (r) => r.key)
        .aggregate(
          'sums',
          {
            sum: sum((r: Row) => {
              if (r.n < 0) throw new Error(`there is no sum with ${r.n}`);
              return r.n;
            }),
          },
          { fallback: 'dead-letter' },
        )
        .to('out', ends.sink('out'));
    },
    results: {
      out: [
        { key: 'a', sum: 1 },
        { key: 'a', sum: 3 },
      ],
    },
    letters: [row('a', 2, -1), { key: 'a', at: null, n: 9 }, row('b', 1, -2)],
  },
  {
    name: 'silence',
    shows: 'close windows behind a filter though a partition is silent, and the last ones when the run is drained',
    rows: { in: [[1, 2, 5, 9].map((at) => row('a', at)), [row('b', 1, -1)]] },
    build(p, ends) {
      p.source('in', ends.source('in'), { ...inOrder, idle: 'exclude', idleAfter: milliseconds(300) })
        .filter('positive', (r) => r.n > 0)
        .keyBy('by-key', (r) => r.key)
        .window(tumbling(seconds(4)))
        .aggregate('counts', { n: count() })
        .to('out', ends.sink('out'));
    },
    beforeDrain: {
      out: [
        { key: 'a', ...span(0, 4), n: 2 },
        { key: 'a', ...span(4, 8), n: 1 },
      ],
    },
    results: {
      out: [
        { key: 'a', ...span(0, 4), n: 2 },
        { key: 'a', ...span(4, 8), n: 1 },
        { key: 'a', ...span(8, 12), n: 1 },
      ],
    },
  },
  {
    name: 'nothing',
    shows: 'end where there is no input, with nothing',
    rows: { in: [[], []] },
    build(p, ends) {
      p.source('in', ends.source('in'), inOrder)
        .keyBy('by-key', (r) => r.key)
        .window(tumbling(seconds(4)))
        .aggregate('counts', { n: count() })
        .to('out', ends.sink('out'));
    },
    results: { out: [] },
  },
];
