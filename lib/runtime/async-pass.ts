/** The asynchronous pass ahead of a batch: calls the stage's asynchronous operator for each record, at most `capacity` at once. */
import { type Duration, MillraceError } from '../model/index.ts';
import type { AsyncCode } from '../operators/index.ts';
import type { Clock, LogMessage } from '../ports/index.ts';
import { AsyncFailure, type AsyncResults } from './applier.ts';

/** Results by message offset and record index. A call that failed, after its retries, leaves an `AsyncFailure` in its place. */
export async function asyncPass(
  code: AsyncCode,
  operator: string,
  messages: readonly LogMessage[],
  clock: Clock,
): Promise<AsyncResults> {
  const results = new Map<number, unknown[]>();
  const calls: (() => Promise<void>)[] = [];
  for (const { offset, message } of messages) {
    if (message.kind !== 'frame') continue;
    const row = new Array<unknown>(message.values.length);
    results.set(offset, row);
    message.values.forEach((value, i) => {
      calls.push(async () => {
        row[i] = await result(code, operator, value, message.times[i]!, message.keys?.[i], clock);
      });
    });
  }
  let next = 0;
  const lanes = Array.from({ length: Math.min(code.capacity, calls.length) }, async () => {
    while (next < calls.length) await calls[next++]!();
  });
  await Promise.all(lanes);
  return results;
}

async function result(
  code: AsyncCode,
  operator: string,
  value: unknown,
  time: number,
  key: never | undefined | string | number | bigint,
  clock: Clock,
): Promise<unknown> {
  for (let attempt = 0; ; attempt++) {
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
      ]);
    } catch (error) {
      abort.abort();
      if (attempt >= code.retries) return new AsyncFailure(error);
      await clock.sleep((code.retryDelay * 2 ** attempt) as Duration);
    } finally {
      timer.abort();
    }
  }
}
