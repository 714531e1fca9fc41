import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import type { WallTime } from '../../../lib/model/index.ts';
import type { Json, SinkBatch, SinkHost, SourceHost, SourceLog } from '../../../lib/ports/index.ts';

/** A clock that stands still until its `time` is set. */
export class HandClock {
  time = 0;
  now(): WallTime {
    return this.time as WallTime;
  }
  async sleep(): Promise<void> {}
}

export const clock = new HandClock();
const connections = new Map<string, unknown>();
export const host: SourceHost = {
  source: 'test',
  spool: undefined,
  connections,
  clock,
  signal: new AbortController().signal,
};

export const sinkHost: SinkHost = {
  sink: 'out',
  pipeline: 'test',
  run: 'r1',
  task: 0,
  tasks: 1,
  durable: true,
  connections,
  clock,
  signal: new AbortController().signal,
};

/** A folder that is removed after the file's tests. */
export function scratch(): string {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-files-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Every row of a partition, read to the seal. */
export async function readAll(
  log: SourceLog,
  partition = 0,
  from = 0,
  limit = 1_000,
  cursor?: Json,
): Promise<unknown[]> {
  const rows: unknown[] = [];
  let [next, mark] = [from, cursor];
  for (;;) {
    const slice = await log.read(partition, next, limit, mark);
    rows.push(...slice.values);
    next = slice.next;
    mark = slice.cursor;
    if (slice.sealed) return rows;
  }
}

export function batchOf(values: readonly unknown[]): SinkBatch {
  return {
    values,
    times: values.map(() => 0),
    keys: values.map(() => undefined),
    causes: values.map((_, i) => i),
    ks: values.map(() => 0),
    upTo: values.length,
  };
}
