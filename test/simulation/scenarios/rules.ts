import { epochMillis, milliseconds } from '../../../lib/model/index.ts';
import { broadcastProcess, map, type, value } from '../../../lib/operators/index.ts';
import { boundedOutOfOrderness, pipeline } from '../../../lib/pipeline/index.ts';
import { simSink, simSource } from '../../../lib/testing/simulation/index.ts';
import type { Scenario } from '../scenario.ts';
import { difference, type Event, eventsIn, liveRows } from './rows.ts';

const TASKS = 3;

interface Told {
  readonly what: 'record' | 'rule' | 'touched';
  readonly id: number;
  readonly key?: string;
  readonly rules: number;
  readonly seen?: number;
}

/** Rules broadcast to every task: each comes to each task once, and each record once to one task, which then knows no fewer rules than before. */
export const rules: Scenario = {
  name: 'rules',
  make(random) {
    const common = { keys: 5, span: 20_000, bound: 2_000 };
    const events = { partitions: liveRows(random, { ...common, partitions: 2, rows: 30 }) };
    const told = { partitions: liveRows(random, { ...common, partitions: 1, rows: 8, from: 1_000 }) };
    const options = {
      eventTime: (e: Event) => epochMillis(e.time),
      watermark: boundedOutOfOrderness(milliseconds(2_000)),
    };
    const check = broadcastProcess('check', {
      in: type<Event>(),
      rule: type<Event>(),
      key: type<string>(),
      out: type<Told>(),
      state: { seen: value<number>() },
      broadcastState: { rules: map<number, number>() },
      onRecord(event, { key, state, broadcast, emit }) {
        const seen = (state.seen.get() ?? 0) + 1;
        state.seen.set(seen);
        emit({ what: 'record', id: event.id, key, rules: broadcast.rules.entries().length, seen });
      },
      onBroadcast(rule, { broadcast, emit, eachKey }) {
        broadcast.rules.set(rule.id, rule.n);
        const known = broadcast.rules.entries().length;
        emit({ what: 'rule', id: rule.id, rules: known });
        eachKey((key, state) => emit({ what: 'touched', id: rule.id, key, rules: known, seen: state.seen.get() ?? 0 }));
      },
    });
    const code = pipeline(
      'rules',
      (p) => {
        p.source('events', simSource<Event>(events), options)
          .keyBy('by-key', (e) => e.key)
          .connect(p.source('told', simSource<Event>(told), options).broadcast())
          .process(check)
          .to('out', simSink());
      },
      { parallelism: TASKS },
    );
    return {
      pipelines: [code],
      sources: { events, told },
      check({ sinks, sources }) {
        const values = sinks['out']!.map((record) => record.value as Told);
        const records = values.filter(({ what }) => what === 'record');
        const expected = eventsIn(sources['events']!.partitions).map(({ id }) => id);
        const ruleIds = eventsIn(sources['told']!.partitions).flatMap(({ id }) => new Array<number>(TASKS).fill(id));
        const wrong =
          difference(
            records.map(({ id }) => id),
            expected,
          ) ??
          difference(
            values.filter(({ what }) => what === 'rule').map(({ id }) => id),
            ruleIds,
          );
        if (wrong !== undefined) return wrong;
        for (const key of new Set(records.map((record) => record.key))) {
          const story = values.filter((told) => told.key === key);
          let [seen, known] = [0, 0];
          for (const told of story) {
            if (told.what === 'record') seen++;
            if (told.seen !== seen)
              return `${key} was seen ${told.seen} times, not ${seen}, at ${JSON.stringify(told)}`;
            if (told.rules < known) return `a task forgot rules: it knows ${told.rules}, and knew ${known}`;
            known = told.rules;
          }
        }
        return undefined;
      },
    };
  },
};
