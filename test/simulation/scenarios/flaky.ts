import { epochMillis, milliseconds } from '../../../lib/model/index.ts';
import { count } from '../../../lib/operators/index.ts';
import { boundedOutOfOrderness, fixedDelay, noRestart, pipeline } from '../../../lib/pipeline/index.ts';
import { simSink, simSource } from '../../../lib/testing/simulation/index.ts';
import type { Scenario } from '../scenario.ts';
import { difference, type Event, eventsIn, liveRows } from './rows.ts';

/** Code that fails at some attempts and not at others, and says that it does: each record has a result or is a dead letter, never both, whatever was tried. */
export const flaky: Scenario = {
  name: 'flaky',
  make(random) {
    const source = { partitions: liveRows(random, { partitions: 2, rows: 40, keys: 4, span: 25_000, bound: 2_000 }) };
    const restart = random.next() < 0.5 ? noRestart() : fixedDelay(1, milliseconds(500));
    const fails = random.fork();
    const may = (where: string, e: Event): Event => {
      if (e.id % 3 === 0 && fails.next() < 0.6) throw new Error(`${where} ${e.id}`);
      return e;
    };
    const awaited = random.next() < 0.5;
    const code = pipeline(
      'flaky',
      (p) => {
        const first = p
          .source('in', simSource<Event>(source), {
            eventTime: (e) => epochMillis(e.time),
            watermark: boundedOutOfOrderness(milliseconds(2_000)),
          })
          .map('first', (e) => may('first', e), { deterministic: false });
        const second = awaited
          ? first.keyBy('by-id', (e) => e.id).async('second', async (e) => may('second', e))
          : first.keyBy('by-id', (e) => e.id).map('second', (e) => may('second', e), { deterministic: false });
        second.to('passed', simSink());
        second
          .keyBy('by-key', (e) => e.key)
          .aggregate('totals', { count: count() })
          .to('totals-out', simSink());
      },
      { parallelism: 2, restart, fallback: 'dead-letter' },
    );
    return {
      pipelines: [code],
      sources: { in: source },
      inBound: true,
      repeatable: false,
      check({ sinks, deadLetters, sources }) {
        const events = eventsIn(sources['in']!.partitions);
        const passed = sinks['passed']!.map((r) => (r.value as Event).id);
        const totals = sinks['totals-out']!.length;
        if (totals !== passed.length) return `${totals} of ${passed.length} results went on`;
        return difference(
          [...passed, ...deadLetters.map(({ error }) => Number(error.message.split(' ')[1]))],
          events.map((e) => e.id),
        );
      },
    };
  },
};
