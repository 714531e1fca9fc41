import { type Key, keyOf, MillraceError, messageOf } from '../../model/index.ts';
import type { UpsertConnector } from '../../ports/index.ts';

/** What a function sink is told of its records. */
export interface SinkContext {
  readonly task: number;
  readonly signal: AbortSignal;
  /** Event times of the records, in milliseconds since the epoch. */
  readonly times: readonly number[];
  /** The keys under which they came; undefined where they have none. */
  readonly keys: readonly (Key | undefined)[];
}

/**
 * Gives each batch of records to a function, which may be async and is awaited. At least once: after a crash the last batches may come again. What it throws
 * fails the step, and the pipeline's restart strategy decides; to skip a record, catch.
 */
export function toFunction<T>(fn: (records: readonly T[], context: SinkContext) => unknown): UpsertConnector<T> {
  return {
    kind: 'function',
    options: { name: fn.name },
    guarantee: 'at-least-once',
    single: false,
    upserts: true,
    open: async ({ task, signal, sink }) => ({
      async write(batch) {
        if (batch.values.length === 0) return null;
        try {
          await fn(batch.values as readonly T[], {
            ...{ task, signal, times: batch.times },
            get keys() {
              return batch.keys.map((key) => (key === undefined ? undefined : keyOf(key)));
            },
          });
        } catch (thrown) {
          if (thrown instanceof MillraceError) throw thrown;
          throw new MillraceError('operator-failed', `the function of the sink ${sink} threw: ${messageOf(thrown)}`, {
            where: { sink },
            cause: thrown,
          });
        }
        return null;
      },
      finish: async () => {},
      close: async () => {},
    }),
  };
}
