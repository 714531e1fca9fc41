/** The ports of one simulated process: the stores, behind calls that can go wrong. */
import { type TaskId, taskName } from '../../model/index.ts';
import type { Telemetry } from '../../ports/index.ts';
import type { TaskPorts } from '../../runtime/index.ts';
import type { SimProcess } from './sim-process.ts';
import type { StoredBlobs } from './stored-blobs.ts';
import { commitOf, type StoredCommit, type StoredCommits } from './stored-commits.ts';
import type { StoredLog } from './stored-log.ts';

export interface Stores {
  readonly log: StoredLog;
  readonly commits: StoredCommits;
  readonly blobs: StoredBlobs;
}

export function simPorts(
  { log, commits, blobs }: Stores,
  process: SimProcess,
  version: number,
  telemetry: Telemetry,
): TaskPorts {
  const slots = (task: TaskId) =>
    process.torn(
      `query slots of ${taskName(task)}`,
      () => new Map(commits.slots(task)),
      (first) => {
        const now = new Map(commits.slots(task));
        for (const slot of now.keys()) {
          if (process.random.next() < 0.5) continue;
          const commit = first.get(slot);
          if (commit === undefined) now.delete(slot);
          else now.set(slot, commit);
        }
        return now;
      },
    );
  return {
    clock: process.clock,
    random: process.random,
    telemetry,
    atomic: undefined,
    log: {
      maxMessageBytes: log.maxMessageBytes,
      ensureTopic: (name, partitions) => process.write(`ensure ${name}`, () => log.ensureTopic(name, partitions)),
      topic: (name) => process.read(`look up ${name}`, () => log.topic(name)),
      append: (entries) =>
        process.write(
          `append to ${placesOf(entries)}`,
          () => log.append(entries),
          () => log.appendPart(entries, process.random.next()),
        ),
      read: (topic, partition, from, limit) => {
        const most = process.random.next() < 0.5 ? limit.messages : 1 + process.random.below(4);
        return process.read(`read ${topic.name}/${partition}`, () =>
          log.read(topic, partition, from, { messages: Math.min(limit.messages, most), bytes: limit.bytes }),
        );
      },
      bounds: (topic, partition) =>
        process.read(`bounds of ${topic.name}/${partition}`, () => log.bounds(topic, partition)),
      trim: async () => {},
    },
    commits: {
      volatile: false,
      put: (_run, task, slot, commit, expect) =>
        process.write(`commit ${taskName(task)}`, () => commits.put(task, slot, commit, expect, version)),
      slots: async (_run, task) => [...(await slots(task)).values()].map(commitOf),
      head: async (_run, task) => newest((await slots(task)).values())?.header,
      createRecord: (_pipeline, name, value) =>
        process.write(`record ${name}`, () => commits.createRecord(name, value)),
      records: (_pipeline, prefix, last) => process.read(`records ${prefix}`, () => commits.records(prefix, last)),
    },
    blobs: {
      put: (name, bytes) => {
        const copy = bytes.slice();
        return process.write(`put ${kindOf(name)}`, () => blobs.put(name, copy));
      },
      create: (name, bytes) => {
        const copy = bytes.slice();
        return process.write(`create ${kindOf(name)}`, () => blobs.create(name, copy));
      },
      get: (name) => process.read(`get ${kindOf(name)}`, () => blobs.get(name)?.slice()),
      getRange: (name, start, end) => process.read(`get ${kindOf(name)}`, () => blobs.get(name)?.slice(start, end)),
      list: (prefix) => process.read('list blobs', () => blobs.list(prefix)),
      delete: (names) => process.write('delete blobs', () => blobs.delete(names)),
    },
  };
}

function newest(commits: Iterable<StoredCommit>): StoredCommit | undefined {
  let found: StoredCommit | undefined;
  for (const commit of commits) {
    if (found === undefined || commit.header.version > found.header.version) found = commit;
  }
  return found;
}

const placesOf = (entries: readonly { readonly topic: string; readonly partition: number }[]): string =>
  [...new Set(entries.map(({ topic, partition }) => `${topic}/${partition}`))].join(', ');

/** A blob's name without what differs between attempts. */
const kindOf = (name: string): string => name.split('/').slice(1, 4).join('/');
