/** The asynchronous pass ahead of a batch: has the stage's asynchronous operator make its calls for each record. */
import { comparePositions, NOTHING, type Position } from '../model/index.ts';
import type { AsyncCalls, AsyncHost, AsyncRecord } from '../operators/index.ts';
import type { LogMessage } from '../ports/index.ts';
import { type Channels, channelName } from '../protocol/index.ts';
import { AsyncFailure } from './async-failure.ts';

/** Results of one message's records, as far as they are there. */
export interface AsyncRow {
  readonly results: unknown[];
  readonly done: boolean[];
}

/** The operator whose calls they are, and what they get. */
export interface AsyncPassHost extends Omit<AsyncHost, 'stopped'> {
  readonly operator: string;
}

/**
 * Puts results of records into `rows`, by message offset; those that are there already, from a pass before that was stopped, are not called for again. A call that failed, after its
 * retries, leaves an `AsyncFailure` in its place. No call is made for records of another run, nor for those that `channels`, or an earlier message, has already.
 *
 * Returns how many of the messages, from the first on, have all their results: all of them, unless `stop` was aborted before.
 */
export async function asyncPass(
  calls: AsyncCalls,
  { operator, clock, stop, count }: AsyncPassHost,
  messages: readonly LogMessage[],
  run: string,
  channels: Channels,
  rows: Map<number, AsyncRow>,
): Promise<number> {
  const records: AsyncRecord[] = [];
  const heard = new Map<string, Position>();
  const left = messages.map(() => 0);
  for (const [m, { offset, message }] of messages.entries()) {
    if (message.kind !== 'frame' || message.run !== run) continue;
    const { values, times, keys, causes, ks, channel, thru } = message;
    const row = rows.get(offset) ?? { results: new Array<unknown>(values.length), done: [] };
    rows.set(offset, row);
    const name = channelName(channel.edge, channel.task);
    const before = heard.get(name) ?? channels.state(channel.edge, channel.task)?.thru ?? NOTHING;
    for (let i = 0; i < values.length; i++) {
      if (row.done[i] === true || comparePositions({ cause: causes[i]!, k: ks[i]! }, before) <= 0) continue;
      left[m]!++;
      const settle = (result: unknown): void => {
        if (row.done[i] === true) return;
        row.results[i] = result;
        row.done[i] = true;
        left[m]!--;
      };
      const fail = (error: unknown): void => settle(new AsyncFailure(error, operator));
      records.push({ value: values[i], time: times[i]!, key: keys?.[i], settle, fail });
    }
    if (comparePositions(thru, before) > 0) heard.set(name, thru);
  }
  const stopped = rejection(stop);
  try {
    if (records.length > 0) await calls.pass(records, { clock, stop, stopped: stopped.promise, count });
  } catch (error) {
    if (!stop.aborted) throw error;
  } finally {
    stopped.release();
  }
  const incomplete = left.findIndex((n) => n > 0);
  return incomplete < 0 ? messages.length : incomplete;
}

/** A promise that rejects when the signal is aborted, for as long as it is not released: one listener, however many wait. */
function rejection(signal: AbortSignal): { readonly promise: Promise<never>; release(): void } {
  const { promise, reject } = Promise.withResolvers<never>();
  promise.catch(() => {});
  const abort = (): void => reject(signal.reason);
  if (signal.aborted) abort();
  signal.addEventListener('abort', abort, { once: true });
  return { promise, release: () => signal.removeEventListener('abort', abort) };
}
