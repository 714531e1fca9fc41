/** How logs and sources are asked whether there is something to read. */
import type { Duration } from '../../model/index.ts';
import type { Clock, Log, LogPlace, LogSlice, ReadLimit, SourceLog, SourcePlace } from '../../ports/index.ts';
import type { Poll } from './long-poll.ts';

/** What one request may bring. */
export interface PollLimit extends ReadLimit {
  /** Bytes for each place, on average. */
  readonly batchBytes: number;
}

/** Asks a log: in one request where it can wait by itself, else by reading each place again and again. */
export function logPoll(log: Log, most: PollLimit, clock: Clock, period: Duration): Poll<LogPlace, LogSlice> {
  const limitOf = (places: number): ReadLimit => ({
    messages: most.messages,
    bytes: Math.min(most.bytes, places * most.batchBytes),
  });
  if (log.readMany !== undefined) {
    return (places, patience, signal) => log.readMany!(places, limitOf(places.length), patience, signal);
  }
  const look = async (places: readonly LogPlace[]): Promise<readonly (LogSlice | undefined)[]> => {
    const limit = limitOf(places.length);
    const each = { ...limit, bytes: Math.max(1, Math.floor(limit.bytes / places.length)) };
    const slices = await Promise.all(places.map((place) => log.read(place.topic, place.partition, place.from, each)));
    return slices.map((slice, i) => (isNews(slice, places[i]!.from) ? slice : undefined));
  };
  return async (places, patience, signal) => {
    for (let waited = 0; ; waited += period) {
      const found = await look(places);
      if (signal.aborted || waited >= patience || found.some((each) => each !== undefined)) return found;
      await clock.sleep(period, signal).catch(() => {});
    }
  };
}

/** A slice that shows a log shorter than it was is news too. */
const isNews = ({ next, start, end }: LogSlice, from: number): boolean => next > from || start > from || end < from;

/** Asks a source that can wait by itself. */
export function sourcePoll(source: Required<Pick<SourceLog, 'awaitRows'>>): Poll<SourcePlace, true> {
  return async (places, patience, signal) => {
    const there = await source.awaitRows(places, patience, signal);
    return there.map((each) => (each ? true : undefined));
  };
}
