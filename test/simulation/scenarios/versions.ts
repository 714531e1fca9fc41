import { epochMillis, milliseconds } from '../../../lib/model/index.ts';
import { boundedOutOfOrderness, pipeline } from '../../../lib/pipeline/index.ts';
import { simSink, simSource } from '../../../lib/testing/simulation/index.ts';
import type { Scenario } from '../scenario.ts';
import { difference, type Event, eventsIn, liveRows } from './rows.ts';

/** A record, and the row that it met. */
interface Met {
  readonly id: number;
  readonly row: number | null;
}

const rowOf = (event: Event): Event | null => (event.n % 4 === 3 ? null : event);
const met = (record: Event, row: Event | undefined): Met => ({ id: record.id, row: row?.id ?? null });

/**
 * Records that meet a table as it was at their time, as it is in their task's log, and in every task's copy. The first is known in advance, since all come in bound; of the others each record meets one row,
 * and none meets an older one than a record before it on the same way.
 */
export const versions: Scenario = {
  name: 'versions',
  make(random) {
    const options = { keys: 4, span: 20_000, bound: 2_000 };
    const records = { partitions: liveRows(random, { ...options, partitions: 2, rows: 24 }) };
    const rows = { partitions: liveRows(random, { ...options, partitions: 1, rows: 20, from: 1_000 }) };
    const time = {
      eventTime: (e: Event) => epochMillis(e.time),
      watermark: boundedOutOfOrderness(milliseconds(2_000)),
    };
    const code = pipeline(
      'versions',
      (p) => {
        const [from, changes] = [
          p.source('records', simSource<Event>(records), time),
          p.source('rows', simSource<Event>(rows), time),
        ];
        const byKey = from.keyBy('by-key', (e) => e.key);
        const changed = changes.keyBy('row-key', (e) => e.key);
        const table = changed.toTable('latest', rowOf);
        byKey.leftTemporalJoin('then', changed.toVersionedTable(rowOf), met).to('then-out', simSink());
        byKey.leftJoin('now', table, met).to('now-out', simSink());
        from.leftJoin('here', table.global('everywhere'), (e) => e.key, met).to('here-out', simSink());
      },
      { parallelism: 2 },
    );
    return {
      pipelines: [code],
      sources: { records, rows },
      inBound: true,
      check({ sinks, sources }) {
        const versions = eventsIn(sources['rows']!.partitions);
        const events = eventsIn(sources['records']!.partitions);
        const metIn = (sink: string): Met[] => (sinks[sink] ?? []).map(({ value }) => value as Met);
        const then = events.map((event): Met => met(event, versionAt(versions, event)));
        const wrong = difference(metIn('then-out'), then);
        if (wrong !== undefined) return `then: ${wrong}`;
        for (const sink of ['now-out', 'here-out']) {
          const ids = metIn(sink).map(({ id }) => id);
          const lost = difference(
            ids,
            events.map(({ id }) => id),
          );
          if (lost !== undefined) return `${sink}: ${lost}`;
        }
        for (const key of new Set(events.map((event) => event.key))) {
          const story = [
            null,
            ...versions.filter((version) => version.key === key).map((row) => rowOf(row)?.id ?? null),
          ];
          const ways: [string, readonly Event[]][] = [
            ['now-out', events],
            ...sources['records']!.partitions.map((each): [string, Event[]] => ['here-out', eventsIn([each])]),
          ];
          for (const [sink, own] of ways) {
            const ids = new Set(own.filter((event) => event.key === key).map(({ id }) => id));
            const seen = metIn(sink).flatMap(({ id, row }) => (ids.has(id) ? [row] : []));
            if (!isToldBy(story, seen)) return `${sink}: records of ${key} met ${seen} in the story ${story}`;
          }
        }
        return undefined;
      },
    };
  },
};

/** The row of a record's key at its time: of versions of one time the last that came. */
function versionAt(versions: readonly Event[], { key, time }: Event): Event | undefined {
  const past = versions.filter((version) => version.key === key && version.time <= time);
  const newest = Math.max(...past.map((version) => version.time));
  const last = past.findLast((version) => version.time === newest);
  return last === undefined ? undefined : (rowOf(last) ?? undefined);
}

/** Whether what was seen, one after the other, can be seen by who goes through the story and never back. */
function isToldBy(story: readonly (number | null)[], seen: readonly (number | null)[]): boolean {
  let at = 0;
  for (const row of seen) {
    at = story.indexOf(row, at);
    if (at < 0) return false;
  }
  return true;
}
