/** What waits for time while no source says anything more. */
import {
  ascendingTimestamps,
  begin,
  count,
  epochMillis,
  milliseconds,
  sideOutput,
  tumbling,
  type,
  untilWindowCloses,
} from '../../lib/index.ts';
import { type Row, row, START, type SuiteCase, secondOf } from './case.ts';

/** The last windows end with a full second: behind another stage time without records goes on in such steps. */
const rows = [
  [row('a', 0, 1), row('a', 0.05, 2), row('b', 10, 3), row('c', 19.95, 5), row('c', 19.97, 7)],
  [row('b', 10.03, 4), row('d', 19.96, 9)],
];
const SPAN = milliseconds(100);
const isOdd = (r: Row): boolean => r.n % 2 === 1;
const isEven = (r: Row): boolean => !isOdd(r);

/** A row, and what came of it when. */
interface Told {
  readonly n: number;
  readonly with: number | null;
  readonly at?: number;
}

const unanswered = sideOutput<Told>('unanswered');
const answered = begin('odd', type<Row>()).where(isOdd).followedBy('even').where(isEven).within(SPAN);

const countOf = (key: string, seconds: number, value: number) => {
  const start = START + 1_000 * seconds;
  return { kind: 'insert', key: { key, start, end: start + 100 }, value };
};

const results = {
  'near-out': [
    { n: 1, with: 2, at: 0.05 },
    { n: 3, with: 4, at: 10.03 },
    { n: 5, with: null, at: 20.05 },
    { n: 7, with: null, at: 20.07 },
    { n: 9, with: null, at: 20.06 },
  ],
  'final-out': [countOf('a', 0, 2), countOf('b', 10, 2), countOf('c', 19.9, 2), countOf('d', 19.9, 1)],
  'answered-out': [
    { n: 1, with: 2 },
    { n: 3, with: 4 },
  ],
  'unanswered-out': [
    { n: 5, with: null, at: 20.05 },
    { n: 7, with: null, at: 20.07 },
    { n: 9, with: null, at: 20.06 },
  ],
  'slow-out': rows.flat(),
  'before-out': [
    { n: 2, with: 1 },
    { n: 4, with: 3 },
  ],
};

export const live: readonly SuiteCase[] = [
  {
    name: 'live',
    shows: 'let out what is alone, final, timed out or delayed, while all sources are silent',
    rows: { in: rows },
    build(p, ends) {
      const keyed = p
        .source('in', ends.source('in'), {
          eventTime: (r) => epochMillis(r.at!),
          watermark: ascendingTimestamps(),
          idleAfter: milliseconds(100),
        })
        .keyBy('by-key', (r) => r.key);
      const [odd, even] = [keyed.filter('odd', isOdd), keyed.filter('even', isEven)];
      odd
        .intervalJoin(even)
        .between(milliseconds(-100), SPAN)
        .outerJoin('near', (l, r, { eventTime }): Told => {
          return { n: (l ?? r)!.n, with: (l && r)?.n ?? null, at: secondOf(eventTime) };
        })
        .to('near-out', ends.sink('near-out'));
      even
        .temporalJoin(
          'before',
          odd.toVersionedTable((r) => r.n),
          ({ n }, version): Told => ({ n, with: version }),
        )
        .to('before-out', ends.sink('before-out'));
      keyed
        .window(tumbling(SPAN))
        .toTable('counts', count())
        .suppress('final', untilWindowCloses())
        .changes('changes')
        .to('final-out', ends.sink('final-out'));
      const found = keyed.match('answered', answered, ({ odd: [l], even: [r] }): Told => ({ n: l.n, with: r.n }), {
        timedOut: {
          to: unanswered,
          make: ({ odd: [l] }, { eventTime }) => ({ n: l.n, with: null, at: secondOf(eventTime) }),
        },
      });
      found.to('answered-out', ends.sink('answered-out'));
      found.sideOutput(unanswered).to('unanswered-out', ends.sink('unanswered-out'));
      keyed.rateLimit('slow', { limit: 1, per: SPAN, excess: 'delay' }).to('slow-out', ends.sink('slow-out'));
    },
    beforeDrain: results,
    results,
  },
];
