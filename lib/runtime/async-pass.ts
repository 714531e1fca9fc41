/** The asynchronous pass ahead of a batch: calls the stage's asynchronous operator for each record, at most `capacity` at once. */
import { comparePositions, type Duration, type KeyId, MillraceError, NOTHING, type Position } from '../model/index.ts';
import type { AsyncCode } from '../operators/index.ts';
import type { Clock, LogMessage } from '../ports/index.ts';
import { type Channels, channelName } from '../protocol/index.ts';
import { AsyncFailure } from './applier.ts';

/** Results of one message's records, as far as they are there. */
export interface AsyncRow {
  readonly results: unknown[];
  readonly done: boolean[];
}

/**
 * Puts results of records into `rows`, by message offset; those that are there already, from a pass before that was stopped, are not called for again. A call that failed, after its
 * retries, leaves an `AsyncFailure` in its place. No call is made for records of another run, nor for those that `channels`, or an earlier message, has already.
 *
 * Returns how many of the messages, from the first on, have all their results: all of them, unless `stop` was aborted before.
 */
export async function asyncPass(
  code: AsyncCode,
  operator: string,
  messages: readonly LogMessage[],
  run: string,
  channels: Channels,
  clock: Clock,
  stop: AbortSignal,
  rows: Map<number, AsyncRow>,
): Promise<number> {
  const stopped = rejection(stop);
  const calls: (() => Promise<void>)[] = [];
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
      calls.push(async () => {
        row.results[i] = await result(code, operator, values[i], times[i]!, keys?.[i], clock, stop, stopped.promise);
        row.done[i] = true;
        left[m]!--;
      });
    }
    if (comparePositions(thru, before) > 0) heard.set(name, thru);
  }
  let next = 0;
  const lanes = Array.from({ length: Math.min(code.capacity, calls.length) }, async () => {
    while (next < calls.length) await calls[next++]!();
  });
  try {
    await Promise.all(lanes);
  } catch (error) {
    if (!stop.aborted) throw error;
  } finally {
    stopped.release();
  }
  const incomplete = left.findIndex((n) => n > 0);
  return incomplete < 0 ? messages.length : incomplete;
}

async function result(
  code: AsyncCode,
  operator: string,
  value: unknown,
  time: number,
  key: KeyId | undefined,
  clock: Clock,
  stop: AbortSignal,
  stopped: Promise<never>,
): Promise<unknown> {
  for (let attempt = 0; ; attempt++) {
    stop.throwIfAborted();
    const abort = new AbortController();
    const timer = new AbortController();
    try {
      return await Promise.race([
        code.call(value, time, key, abort.signal),
        clock.sleep(code.timeout as Duration, timer.signal).then(() => {
          throw new MillraceError('operator-failed', `the call took longer than ${code.timeout} ms`, {
            where: { operator },
            hint: 'raise its timeout or lower its capacity',
          });
        }),
        stopped,
      ]);
    } catch (error) {
      abort.abort();
      stop.throwIfAborted();
      if (attempt >= code.retries) return new AsyncFailure(error);
    } finally {
      timer.abort();
    }
    const pause = new AbortController();
    const span = (code.retryDelay * 2 ** attempt) as Duration;
    await Promise.race([clock.sleep(span, pause.signal), stopped]).finally(() => pause.abort());
  }
}

/** A promise that rejects when the signal is aborted, for as long as it is not released: one listener, however many wait. */
function rejection(signal: AbortSignal): { readonly promise: Promise<never>; release(): void } {
  const { promise, reject } = Promise.withResolvers<never>();
  promise.catch(() => {});
  const abort = (): void => reject(signal.reason);
  signal.addEventListener('abort', abort, { once: true });
  return { promise, release: () => signal.removeEventListener('abort', abort) };
}
