import type { LogEntry, SinkBatch } from '../ports/index.ts';
import { encodeMessage } from '../protocol/index.ts';
import { isAuthorError, SinkFailure } from './attempt.ts';
import type { Debt } from './sheet.ts';
import type { SinkOutput } from './sink-output.ts';

/** What a step has for a sink. */
export interface Written {
  readonly sink: SinkOutput;
  readonly batch: SinkBatch;
}

/** Writes to sinks side by side. If one fails, the others have ended before that is thrown. */
export async function allWritten(batches: readonly Written[]): Promise<void> {
  const outcomes = await Promise.allSettled(batches.map(({ sink, batch }) => written(sink, batch)));
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
}

async function written(sink: SinkOutput, batch: SinkBatch): Promise<void> {
  try {
    await sink.write(batch);
  } catch (error) {
    throw isAuthorError(error) ? new SinkFailure(sink.id, error) : error;
  }
}

/** What a commit says is still to be appended and written. */
export function debtsOf(
  entries: readonly LogEntry[],
  batches: readonly { readonly sink: { readonly id: string }; readonly batch: SinkBatch }[],
): Debt[] {
  const messages = entries.map(({ topic, partition, message, bytes }): Debt => {
    return { kind: 'message', topic, partition, bytes: bytes ?? encodeMessage(message) };
  });
  return [...messages, ...batches.map(({ sink, batch }): Debt => ({ kind: 'sink', sink: sink.id, batch }))];
}
