/** How logs and sources are asked whether there is something to read. */
import type { Duration } from '../../model/index.ts';
import type { Clock, Log, LogSlice, ReadLimit, SourceLog } from '../../ports/index.ts';
import type { LogPlace, SourcePlace } from './inbox.ts';
import type { Poll } from './long-poll.ts';

/** Asks a log: in one request where it can wait by itself, else by reading each place again and again. */
export function logPoll(log: Log, limit: () => ReadLimit, clock: Clock, period: Duration): Poll<LogPlace, LogSlice> {
  return repeated(clock, period, async (places) => {
    const slices = await Promise.all(
      places.map(({ topic, partition, from }) => log.read(topic, partition, from, limit())),
    );
    return slices.map((slice, i) => (isNews(slice, places[i]!.from) ? slice : undefined));
  });
}

/** A slice that shows a log shorter than it was is news too. */
const isNews = ({ next, start, end }: LogSlice, from: number): boolean => next > from || start > from || end < from;

/** Asks a source for ends of its partitions. */
export function sourcePoll(source: SourceLog, clock: Clock, period: Duration): Poll<SourcePlace, true> {
  return repeated(clock, period, (places) =>
    Promise.all(
      places.map(async ({ partition, from }) => {
        const { end, sealed } = await source.bounds(partition);
        return sealed || end === undefined || end > from ? (true as const) : undefined;
      }),
    ),
  );
}

function repeated<Place, Found>(
  clock: Clock,
  period: Duration,
  look: (places: readonly Place[]) => Promise<readonly (Found | undefined)[]>,
): Poll<Place, Found> {
  return async (places, patience, signal) => {
    for (let waited = 0; ; waited += period) {
      const found = await look(places);
      if (signal.aborted || waited >= patience || found.some((each) => each !== undefined)) return found;
      await clock.sleep(period, signal).catch(() => {});
    }
  };
}
