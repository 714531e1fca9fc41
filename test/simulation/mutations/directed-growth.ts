/** Tests of the rules of sources that gain partitions, which seeds break too seldom to wait for. */
import { deepStrictEqual, rejects, strictEqual } from 'node:assert/strict';
import { MemoryBlobStore, MemoryCommitStore, MemoryLog } from '../../../lib/adapters/memory/index.ts';
import { ManualClock, SeededRandom } from '../../../lib/adapters/simulated/index.ts';
import { recordingTelemetry } from '../../../lib/adapters/telemetry/index.ts';
import { epochMillis, pipeline, sum, toMemory } from '../../../lib/index.ts';
import type { Duration } from '../../../lib/model/index.ts';
import type { Frame } from '../../../lib/protocol/index.ts';
import { Controller, openRun, Task, type TaskPorts } from '../../../lib/runtime/index.ts';
import { Feed } from '../../../lib/testing/index.ts';

interface Row {
  readonly at: number;
}

async function fed() {
  const commits = new MemoryCommitStore({ volatile: false });
  const blobs = new MemoryBlobStore();
  const clock = new ManualClock();
  const log = new MemoryLog(clock, { encode: true });
  const ports: TaskPorts = {
    ...{ commits, clock, log, blobs, atomic: undefined, random: new SeededRandom(7), telemetry: recordingTelemetry() },
  };
  const feed = new Feed<Row>(1, () => clock.now(), { grows: true });
  const built = pipeline(
    'sums',
    (p) => {
      p.source('in', feed, { eventTime: (r) => epochMillis(r.at) })
        .keyBy('all', () => 'all')
        .aggregate('sums', { total: sum((r) => r.at) })
        .to('out', toMemory());
    },
    { parallelism: 1 },
  );
  const run = await openRun(built, ports, {
    ...{ durable: true, runId: 'run-1', signal: new AbortController().signal },
  });
  return { commits, blobs, clock, log, ports, feed, run };
}

/** A partition that comes into being while rows are read is in what is sent after them. */
const countedAfterRows = async (): Promise<void> => {
  const { run, feed, log } = await fed();
  const { host } = run.tasks[0]!;
  const source = host.source!;
  feed.push(0, [{ at: 5 }]);
  const task = new Task({
    ...host,
    source: {
      ...source,
      log: {
        ...source.log,
        read: async (...asked) => {
          feed.grow();
          return source.log.read(...asked);
        },
      },
    },
  });
  await task.ring();
  const topic = run.tasks[1]!.host.topic!;
  const { messages } = await log.read(topic, 0, 0, { messages: 9, bytes: 1e6 });
  deepStrictEqual(
    messages.map(({ message }) => (message as Frame).channels),
    [2],
  );
};

/** A partition that comes into being while commits are read is in the round that is decided by them. */
const countedAfterCommits = async (): Promise<void> => {
  const { run, feed, ports, commits } = await fed();
  const head = commits.head.bind(commits);
  let grown = false;
  commits.head = async (...asked) => {
    if (!grown) feed.grow();
    grown = true;
    return head(...asked);
  };
  await new Controller(run, ports, { skew: 0 as Duration, grace: 0 as Duration }).round();
  deepStrictEqual(
    run.tasks.map(({ id }) => `${id.stage}/${id.partition}`),
    ['in/0', 'in/1', 'sums/0'],
  );
};

/** A partition that is gained late has not been silent since the run was created. */
const silentSinceBirth = async (): Promise<void> => {
  const { run, feed, clock, commits } = await fed();
  clock.advance(3_600_000 as Duration);
  feed.grow();
  const [task] = await run.grow();
  const head = await commits.head('run-1', task!.id);
  strictEqual(head?.source?.lastArrival, clock.now());
};

/** A task is not worked on unless it is written down that the run has it, which is not written before it is born. */
const knownOnceBorn = async (): Promise<void> => {
  const { run, feed, commits } = await fed();
  const createRecord = commits.createRecord.bind(commits);
  const heads: unknown[] = [];
  commits.createRecord = async (_, name) => {
    heads.push((await commits.head('run-1', { stage: 'in', partition: 1 }))?.version);
    throw new Error(`cannot write ${name}`);
  };
  feed.grow();
  await rejects(run.grow());
  deepStrictEqual(heads, [0]);
  strictEqual(run.tasks.length, 2);
  commits.createRecord = createRecord;
  strictEqual((await run.grow()).length, 1);
  strictEqual(run.tasks.length, 3);
};

export const directedGrowth = { countedAfterRows, countedAfterCommits, silentSinceBirth, knownOnceBorn };
