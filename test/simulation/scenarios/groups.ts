import { after, epochMillis, milliseconds, seconds } from '../../../lib/model/index.ts';
import { collect, count, process, sum, tumbling, type, value } from '../../../lib/operators/index.ts';
import { boundedOutOfOrderness, fixedDelay, noRestart, pipeline } from '../../../lib/pipeline/index.ts';
import { type SimSinkKind, simSink, simSource } from '../../../lib/testing/simulation/index.ts';
import type { Scenario } from '../scenario.ts';
import { growing } from './growth.ts';
import { difference, type Event, eventsIn, liveRows } from './rows.ts';

const BOUND = 2_000;
const SIZE = 4_000;
const WAIT = milliseconds(1_500);

const isPoison = (e: Event): boolean => e.id % 11 === 7;

/**
 * Steps written in groups, under files, which go back, and destinations outside, which do not: two sources, of which one may gain partitions; an asynchronous stage, with poison
 * behind it; windows behind that, and windows behind those; state, timers, and a sink of each kind, in each stage.
 */
export const groups: Scenario = {
  name: 'groups',
  make(random) {
    const live = { keys: 4, span: 24_000, bound: BOUND };
    const a =
      random.next() < 0.4
        ? growing(random, { ...live, rows: 20 })
        : { partitions: liveRows(random, { ...live, partitions: 2, rows: 30 }) };
    const b = { partitions: liveRows(random, { ...live, partitions: 1, rows: 15, from: 10_000 }) };
    // A destination outside has everything before it flushed each time: with fewer of them, groups hold more.
    const outside = (): SimSinkKind => (random.next() < share ? 'outside' : 'file');
    const share = random.below(4) / 3;
    const restart = random.next() < 0.5 ? noRestart() : fixedDelay(1, milliseconds(600));
    const options = {
      eventTime: (e: Event) => epochMillis(e.time),
      watermark: boundedOutOfOrderness(milliseconds(BOUND)),
    };
    const wake = process('wake', {
      in: type<Event>(),
      key: type<string>(),
      out: type<{ key: string; seen: number; ids: readonly number[] }>(),
      state: { seen: value<number>(), waiting: value<readonly Event[]>() },
      onRecord(e, { state, timers, eventTime }) {
        state.waiting.set([...(state.waiting.get() ?? []), e]);
        timers.onEventTime(after(eventTime, WAIT));
      },
      onTimer(time, { key, state, emit }) {
        const waiting = state.waiting.get() ?? [];
        const isDue = (e: Event): boolean => after(epochMillis(e.time), WAIT) <= time;
        const ids = waiting.filter(isDue).map(({ id }) => id);
        const seen = (state.seen.get() ?? 0) + ids.length;
        state.seen.set(seen);
        state.waiting.set(waiting.filter((e) => !isDue(e)));
        if (ids.length > 0) emit({ key, seen, ids: ids.toSorted((x, y) => x - y) });
      },
    });
    const code = pipeline(
      'groups',
      (p) => {
        const read = p.source('a', simSource<Event>(a), options);
        read.to('raw-shown', simSink(outside()));
        read.to('raw-file', simSink('file'));
        const checked = read
          .union(p.source('b', simSource<Event>(b), options))
          .async('enrich', async (e) => e)
          .map('check', (e) => {
            if (isPoison(e)) throw new Error(String(e.id));
            return e;
          });
        checked.to('checked-file', simSink('file'));
        const woken = checked.keyBy('by-third', (e) => `${e.key}${e.id % 3}`).process(wake);
        woken.to('woken-file', simSink('file'));
        woken.to('woken-shown', simSink(outside()));
        const perKey = checked
          .keyBy('by-key', (e) => e.key)
          .window(tumbling(milliseconds(SIZE)), { allowedLateness: seconds(1) })
          .aggregate('by-window', { count: count(), sum: sum((e: Event) => e.n) }, (key, { start }, all) => ({
            key,
            start,
            ...all,
          }));
        perKey.to('windows-shown', simSink(outside()));
        perKey
          .keyBy('by-start', (w) => w.start % (2 * SIZE))
          .window(tumbling(milliseconds(2 * SIZE)))
          .aggregate('again', { counts: collect((w) => w.count), windows: count() }, (key, { start }, all) => ({
            key,
            start,
            windows: all.windows,
            counts: all.counts.toSorted((x, y) => x - y),
          }))
          .to('again-file', simSink('file'));
      },
      { parallelism: 2, restart, fallback: 'dead-letter' },
    );
    return {
      pipelines: [code],
      sources: { a, b },
      groups: true,
      faults: { crash: 12 },
      inBound: true,
      sameResults: true,
      check({ sinks, sources, deadLetters }) {
        const own = eventsIn(sources['a']!.partitions).map((e) => e.id);
        const events = [...eventsIn(sources['a']!.partitions), ...eventsIn(sources['b']!.partitions)];
        const good = events.filter((e) => !isPoison(e)).map((e) => e.id);
        const of = (sink: string): readonly unknown[] => sinks[sink]!.map((r) => r.value);
        const ids = (sink: string): number[] => (of(sink) as readonly { readonly id: number }[]).map((e) => e.id);
        const counted = (of('again-file') as readonly { counts: number[] }[])
          .flatMap((w) => w.counts)
          .reduce((x, y) => x + y, 0);
        if (counted !== good.length) return `${counted} records behind the second exchange of ${good.length}`;
        return (
          difference(ids('raw-shown'), own) ??
          difference(ids('raw-file'), own) ??
          difference(ids('checked-file'), good) ??
          difference(of('woken-shown'), of('woken-file')) ??
          difference(
            (of('woken-file') as readonly { ids: number[] }[]).flatMap((w) => w.ids),
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
