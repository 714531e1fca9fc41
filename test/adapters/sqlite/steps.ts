/** A process that commits steps for ever: argument 1 is the data directory. It prints a line once it has begun. */
import { join } from 'node:path';
import { openSqliteStore } from '../../../lib/adapters/sqlite/index.ts';
import { systemClock } from '../../../lib/adapters/system/index.ts';
import { ALL, type TaskId } from '../../../lib/model/index.ts';
import { expectedInSlot, type Frame, slotOf } from '../../../lib/protocol/index.ts';
import { header } from './headers.ts';

const store = openSqliteStore({ path: join(process.argv[2]!, 'state.db'), clock: systemClock });
await store.log.ensureTopic('t', 3);
const task: TaskId = { stage: 's', partition: 0 };
const frame = (version: number): Frame => ({
  kind: 'frame',
  run: 'r',
  channel: { edge: 'e', task: 0 },
  channels: 1,
  epoch: 0,
  prev: { cause: version - 1, k: ALL },
  thru: { cause: version, k: ALL },
  values: Array.from({ length: 50 }, (_, i) => ({ i, text: 'some text' })),
  keys: undefined,
  times: Array.from({ length: 50 }, () => 0),
  causes: Array.from({ length: 50 }, () => version),
  ks: Array.from({ length: 50 }, (_, i) => i),
  steps: [],
});
const first = ((await store.commits.head('r', task))?.version ?? -1) + 1;
process.stdout.write('begun\n');
for (let version = first; ; version++) {
  const entries = [0, 1, 2].map((partition) => ({ topic: 't', partition, message: frame(version) }));
  const body = new Uint8Array(5_000).fill(version % 256);
  const commit = { header: header(version, task), body: { kind: 'inline' as const, bytes: () => body } };
  await store.atomic.appendAndPut(entries, 'r', task, slotOf(version, 4), commit, expectedInSlot(version, 4));
}
