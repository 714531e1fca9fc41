import { epochMillis, milliseconds, seconds } from '../../../lib/model/index.ts';
import { count } from '../../../lib/operators/index.ts';
import { boundedOutOfOrderness, fixedDelay, noRestart, pipeline } from '../../../lib/pipeline/index.ts';
import { simSink, simSource } from '../../../lib/testing/simulation/index.ts';
import type { Scenario } from '../scenario.ts';
import { difference, type Event, eventsIn, liveRows } from './rows.ts';

interface Answer {
  readonly id: number;
  readonly key: string;
  /** What was kept outside when the task asked: another number at each call. */
  readonly value: number | undefined;
}

/**
 * Records joined to what changes with every call, with state of their key in the same stage and an exchange behind: each record has one answer, in the order of its key, and everybody
 * sees the same one. Calls fail now and then; one key never has an answer.
 */
export const lookups: Scenario = {
  name: 'lookups',
  make(random) {
    const source = { partitions: liveRows(random, { partitions: 2, rows: 40, keys: 5, span: 25_000, bound: 2_000 }) };
    const many = random.next() < 0.5;
    const cached = random.next() < 0.7;
    const restart = random.next() < 0.5 ? noRestart() : fixedDelay(1, milliseconds(600));
    let calls = 0;
    const ask = (key: string): number | undefined => {
      if (++calls % 7 === 0) throw new Error('the outside is down');
      return key === 'k4' ? undefined : calls;
    };
    const code = pipeline(
      'lookups',
      (p) => {
        const answers = p
          .source('in', simSource<Event>(source), {
            eventTime: (e) => epochMillis(e.time),
            watermark: boundedOutOfOrderness(milliseconds(2_000)),
          })
          .keyBy('by-key', (e) => e.key)
          .leftLookupJoin(
            'ask',
            {
              ...{ key: (e) => e.key, capacity: 2, retries: 1, retryDelay: milliseconds(50) },
              ...(cached ? { cache: { ttl: seconds(5), maxEntries: 3 } } : {}),
              ...(many
                ? { maxKeys: 2, fetchMany: async (keys) => keys.map((key) => ask(key)) }
                : { fetch: async (key) => ask(key) }),
            },
            (e, value): Answer => ({ id: e.id, key: e.key, value }),
          );
        answers.to('beside', simSink());
        answers.aggregate('seen', count()).to('seen-out', simSink());
        answers
          .rebalance('on')
          .map('pass', (answer) => answer)
          .to('out', simSink());
      },
      { parallelism: 2, restart, fallback: 'dead-letter' },
    );
    return {
      pipelines: [code],
      sources: { in: source },
      inBound: true,
      repeatable: false,
      check({ sinks, sources, deadLetters }) {
        const answers = sinks['beside']!.map(({ value }) => value as Answer);
        const partitions = sources['in']!.partitions;
        const times = new Map(eventsIn(partitions).map(({ id, time }) => [id, time]));
        if (new Set(answers.map(({ id }) => id)).size !== answers.length) return 'a record has two answers';
        // The record itself may be cut from a letter that would be too long.
        const lost = deadLetters.map(({ eventTime }) => eventTime);
        const wrong =
          difference([...answers.map(({ id }) => times.get(id)), ...lost], [...times.values()]) ??
          difference(
            sinks['out']!.map(({ value }) => value),
            answers,
          );
        if (wrong !== undefined) return wrong;
        for (const rows of partitions) {
          const ids = eventsIn([rows]).map(({ id }) => id);
          for (const key of new Set(answers.map((answer) => answer.key))) {
            const order = answers.filter((answer) => answer.key === key && ids.includes(answer.id)).map(({ id }) => id);
            if (order.some((id, i) => i > 0 && id < order[i - 1]!))
              return `${key} has its answers in the order ${order}`;
          }
        }
        const seen = sinks['seen-out']!.map(({ value }) => value as { key: string; value: number });
        for (const key of new Set(answers.map((answer) => answer.key))) {
          const n = answers.filter((answer) => answer.key === key).length;
          const story = seen.filter((each) => each.key === key).map((each) => each.value);
          if (story.join() !== Array.from({ length: n }, (_, i) => i + 1).join()) return `${key} was counted ${story}`;
        }
        if (answers.some(({ key, value }) => (key === 'k4') !== (value === undefined))) return 'an answer is made up';
        return undefined;
      },
    };
  },
};
