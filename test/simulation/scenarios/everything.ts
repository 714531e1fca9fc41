import { after, epochMillis, milliseconds } from '../../../lib/model/index.ts';
import { collect, count, process, tumbling, type } from '../../../lib/operators/index.ts';
import { boundedOutOfOrderness, fixedDelay, noRestart, pipeline } from '../../../lib/pipeline/index.ts';
import { simSink, simSource } from '../../../lib/testing/simulation/index.ts';
import type { Scenario } from '../scenario.ts';
import { difference, type Event, eventsIn, liveRows } from './rows.ts';

const BOUND = 2_000;
const SIZE = 4_000;

const isPoison = (e: Event): boolean => e.id % 11 === 7;

/**
 * Two sources that fall silent, as one; an asynchronous stage, so that it is journaled, with poison in it; windows and timers behind it; windows behind those; and new code on the
 * way, which sends records elsewhere. Each record is in one window, wakes once, and is counted once more behind the second exchange; poison is a dead letter.
 */
export const everything: Scenario = {
  name: 'everything',
  make(random) {
    const live = { keys: 4, span: 24_000, bound: BOUND };
    const a = { partitions: liveRows(random, { ...live, partitions: 2, rows: 30 }) };
    const b = { partitions: liveRows(random, { ...live, partitions: 1, rows: 15, from: 1_000 }) };
    const restart = random.next() < 0.5 ? noRestart() : fixedDelay(1, milliseconds(600));
    const options = {
      eventTime: (e: Event) => epochMillis(e.time),
      watermark: boundedOutOfOrderness(milliseconds(BOUND)),
    };
    const wake = process('wake', {
      in: type<Event>(),
      key: type<number>(),
      out: type<{ id: number }>(),
      onRecord(_, { timers, eventTime }) {
        timers.onEventTime(after(eventTime, milliseconds(1_500)));
      },
      onTimer(_, { key, emit }) {
        emit({ id: Math.abs(key) });
      },
    });
    const keys = [(e: Event) => e.key, (e: Event) => `${e.key}${e.id % 3}`] as const;
    const ids = [(e: Event) => e.id + 1, (e: Event) => -(e.id + 1)] as const;
    const code = (version: 0 | 1) =>
      pipeline(
        'everything',
        (p) => {
          const checked = p
            .source('a', simSource<Event>(a), options)
            .union(p.source('b', simSource<Event>(b), options))
            .async('enrich', async (e) => e)
            .map('check', (e) => {
              if (isPoison(e)) throw new Error(String(e.id));
              return e;
            });
          checked.keyBy('by-id', ids[version]).process(wake).to('woken', simSink());
          const perKey = checked
            .keyBy('by-key', keys[version])
            .window(tumbling(milliseconds(SIZE)))
            .aggregate('by-window', { ids: collect((e: Event) => e.id) }, (key, { start }, all) => ({
              key,
              start,
              ...all,
            }));
          perKey.to('windows-out', simSink());
          perKey
            .keyBy('by-start', (w) => w.start % (2 * SIZE))
            .window(tumbling(milliseconds(2 * SIZE)))
            .aggregate('again', { ids: collect((w) => w.ids.length), windows: count() })
            .to('again-out', simSink());
        },
        { parallelism: 2, restart, fallback: 'dead-letter' },
      );
    return {
      pipelines: [code(0), code(1)],
      upgrades: [4_000 + random.below(18_000)],
      sources: { a, b },
      inBound: true,
      check({ sinks, sources, deadLetters }) {
        const events = [...eventsIn(sources['a']!.partitions), ...eventsIn(sources['b']!.partitions)];
        const good = events.filter((e) => !isPoison(e)).map((e) => e.id);
        const again = sinks['again-out']!.map((r) => r.value as { ids: number[]; windows: number });
        const counted = again.flatMap((w) => w.ids).reduce((x, y) => x + y, 0);
        if (counted !== good.length) return `${counted} records behind the second exchange of ${good.length}`;
        return (
          difference(
            sinks['windows-out']!.flatMap((r) => (r.value as { ids: number[] }).ids),
            good,
          ) ??
          difference(
            sinks['woken']!.map((r) => (r.value as { id: number }).id - 1),
            good,
          ) ??
          difference(
            deadLetters.map(({ error }) => Number(error.message)),
            events.filter(isPoison).map((e) => e.id),
          )
        );
      },
    };
  },
};
