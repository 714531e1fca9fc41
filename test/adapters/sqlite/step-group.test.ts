import { cpSync, mkdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../../../lib/adapters/simulated/index.ts';
import { openSqliteStore, type SqliteStore, type SqliteStoreOptions } from '../../../lib/adapters/sqlite/index.ts';
import { milliseconds, type TaskId } from '../../../lib/model/index.ts';
import type { LogEntry, StagedCommit } from '../../../lib/ports/index.ts';
import { expectedInSlot, slotOf } from '../../../lib/protocol/index.ts';
import { temporaryDirectory } from '../../conformance/adapters.ts';
import { frame } from '../../conformance/log.ts';
import { header } from './headers.ts';

const task = (partition = 0): TaskId => ({ stage: 's', partition });
const all = { messages: 1_000_000, bytes: Number.MAX_SAFE_INTEGER };
const entry = (n: number, partition = 0, size?: number): LogEntry => {
  const message = frame(n, size);
  return { topic: 't', partition, message, size: 100 };
};

/** A staged commit whose body can be withheld, and that tells whether it has been settled. */
class Held implements StagedCommit {
  readonly header;
  ready = true;
  settledTimes = 0;
  readonly #bytes: Uint8Array;
  constructor(version: number, of: TaskId, bytes: Uint8Array = Uint8Array.of(version), covered?: number) {
    const snapshot = covered === undefined ? undefined : { version: covered, name: 'snap', base: 0 };
    this.header = { ...header(version, of), snapshot };
    this.#bytes = bytes;
  }
  body() {
    return this.ready ? this.#bytes : undefined;
  }
  settled() {
    this.settledTimes++;
  }
}

let directory: string;
let clock: ManualClock;
let opened: SqliteStore[];
beforeEach(async () => {
  directory = await temporaryDirectory();
  clock = new ManualClock();
  opened = [];
});
afterEach(async () => {
  for (const store of opened) store.close();
  await rm(directory, { recursive: true, force: true });
});

function open(options: Partial<SqliteStoreOptions> = {}) {
  const path = join(directory, 'state.db');
  const store = openSqliteStore({ path, clock, flushEvery: milliseconds(100), ...options });
  opened.push(store);
  return { ...store, group: store.atomic.group! };
}
type Open = ReturnType<typeof open>;

const viewed = (): SqliteStore => open({ readOnly: true });

function stage(store: Open, commit: Held, entries: readonly LogEntry[] = [], replaces?: StagedCommit, slots = 4) {
  const { version, task: of } = commit.header;
  return store.group.stage(entries, 'r', of, slotOf(version, slots), commit, expectedInSlot(version, slots), replaces);
}

async function logged(store: SqliteStore, partition = 0): Promise<number[]> {
  const topic = (await store.log.topic('t'))!;
  const { messages } = await store.log.read(topic, partition, 0, all);
  return messages.map(({ message }) => (message.kind === 'frame' ? message.thru.cause : -1));
}

const versions = async (store: SqliteStore, of = task()) =>
  (await store.commits.slots('r', of)).map(({ header: { version } }) => version).sort((a, b) => a - b);

/** Lets what the clock has woken go on. */
const turn = () => new Promise((resolve) => setImmediate(resolve));

/** What a process that was killed at this instant would have left. */
let copies = 0;
function crashed(): Open {
  const copy = join(directory, `copy-${copies++}`);
  mkdirSync(copy);
  for (const name of ['state.db', 'state.db-wal']) cpSync(join(directory, name), join(copy, name));
  return open({ path: join(copy, 'state.db') });
}

describe('a group of steps', () => {
  it('is seen by this process at once, by others after its flush, and a while after its first step', async () => {
    const store = open();
    const topic = await store.log.ensureTopic('t', 1);
    const reader = viewed();
    const first = new Held(0, task());
    expect(stage(store, first, [entry(1), entry(2)])).toBe('committed');
    expect(await logged(store)).toEqual([1, 2]);
    expect(await store.log.bounds(topic, 0)).toEqual({ start: 0, end: 2 });
    expect((await store.commits.head('r', task()))?.version).toBe(0);
    expect(await logged(reader)).toEqual([]);
    expect(await reader.commits.head('r', task())).toBeUndefined();
    clock.advance(milliseconds(99));
    await turn();
    expect(await logged(reader)).toEqual([]);
    expect(first.settledTimes).toBe(0);
    clock.advance(milliseconds(1));
    await turn();
    expect(await logged(reader)).toEqual([1, 2]);
    expect((await reader.commits.head('r', task()))?.version).toBe(0);
    expect(first.settledTimes).toBe(1);
  });

  it('writes of commits that replace one another the last, and no message that has been trimmed', async () => {
    const store = open();
    const topic = await store.log.ensureTopic('t', 1);
    let last: Held | undefined;
    for (let n = 0; n < 5; n++) {
      const next = new Held(0, task(), Uint8Array.of(n));
      expect(stage(store, next, [entry(n)], last)).toBe('committed');
      await store.log.trim(topic, 0, n);
      last = next;
    }
    await store.group.flush();
    const file = new DatabaseSync(join(directory, 'state.db'), { readOnly: true });
    expect(file.prepare('SELECT id % 16 AS id FROM messages').all()).toEqual([{ id: 4 }]);
    expect(file.prepare('SELECT hex(body) AS body FROM commits').all()).toEqual([{ body: '04' }]);
    file.close();
    expect(await store.log.bounds(topic, 0)).toEqual({ start: 4, end: 5 });
    expect(await logged(store)).toEqual([4]);
  });

  it('lets go of the bodies that a snapshot holds, once a commit says so', async () => {
    const store = open();
    const bodies = async (of: TaskId) => {
      const commits = await store.commits.slots('r', of);
      const known = commits.map(({ header: { version }, body }) => [
        version,
        body.kind === 'inline' ? body.bytes().length : -1,
      ]);
      return known.sort(([a], [b]) => a! - b!);
    };
    for (let version = 0; version < 6; version++) {
      stage(store, new Held(version, task(0), Uint8Array.of(1, 2), version < 5 ? undefined : 3));
      stage(store, new Held(version, task(1), Uint8Array.of(1, 2)));
      await store.group.flush();
    }
    expect(await bodies(task(0))).toEqual([
      [2, 0],
      [3, 0],
      [4, 2],
      [5, 2],
    ]);
    expect(await bodies(task(1))).toEqual([2, 3, 4, 5].map((version) => [version, 2]));
  });

  it('stages nothing for a slot that is not as expected, or for a task of which another has staged', async () => {
    const store = open();
    await store.log.ensureTopic('t', 1);
    const first = new Held(0, task());
    expect(stage(store, new Held(4, task()), [entry(1)])).toBe('lost');
    expect(stage(store, first, [])).toBe('committed');
    expect(stage(store, new Held(0, task()), [entry(2)])).toBe('lost');
    expect(stage(store, new Held(0, task()), [entry(3)], new Held(0, task()))).toBe('lost');
    await store.group.flush();
    expect(stage(store, new Held(0, task()), [entry(4)])).toBe('lost');
    expect(stage(store, new Held(1, task()), [entry(5)], first)).toBe('lost');
    expect(await logged(store)).toEqual([]);
    expect(stage(store, new Held(1, task()), [entry(6)])).toBe('committed');
    expect(await logged(store)).toEqual([6]);
  });

  it('stages nothing at all if the log refuses a message', async () => {
    const store = open();
    await store.log.ensureTopic('t', 1);
    expect(() => stage(store, new Held(0, task()), [entry(1), entry(2, 7)])).toThrow(/no partition 7/);
    expect(await logged(store)).toEqual([]);
    expect(await store.commits.head('r', task())).toBeUndefined();
  });

  it('waits for a body that cannot be made yet, asks for it, and writes all at one instant', async () => {
    const store = open();
    await store.log.ensureTopic('t', 1);
    const [busy, idle] = [new Held(0, task(0)), new Held(0, task(1))];
    stage(store, busy, [entry(1)]);
    stage(store, idle, [entry(2)]);
    busy.ready = false;
    let flushed = false;
    const flush = store.group.flush().then(() => {
      flushed = true;
    });
    await turn();
    expect(store.group.due).toBe(true);
    expect([flushed, idle.settledTimes]).toEqual([false, 0]);
    expect(await logged(crashed())).toEqual([]);
    const next = new Held(0, task(1));
    stage(store, next, [entry(3)], idle);
    busy.ready = true;
    store.group.freed();
    await flush;
    expect([busy.settledTimes, idle.settledTimes, next.settledTimes]).toEqual([1, 0, 1]);
    expect(store.group.due).toBe(false);
    const left = crashed();
    expect(await logged(left)).toEqual([1, 2, 3]);
    expect([await versions(left, task(0)), await versions(left, task(1))]).toEqual([[0], [0]]);
  });

  it('is flushed by the next step of a task that held it up', async () => {
    const store = open();
    await store.log.ensureTopic('t', 1);
    const first = new Held(0, task());
    stage(store, first, [entry(1)]);
    first.ready = false;
    const flush = store.group.flush();
    const second = new Held(0, task());
    stage(store, second, [entry(2)], first);
    await flush;
    expect([first.settledTimes, second.settledTimes]).toEqual([0, 1]);
    expect(await logged(crashed())).toEqual([1, 2]);
  });

  it('comes before anything that is written at once', async () => {
    const store = open();
    await store.log.ensureTopic('t', 1);
    stage(store, new Held(0, task(0)), [entry(1)]);
    const put = { header: header(0, task(1)), body: { kind: 'inline' as const, bytes: () => Uint8Array.of(9) } };
    expect(await store.commits.put('r', task(1), 0, put, 'absent')).toBe('committed');
    expect(await logged(crashed())).toEqual([1]);
    stage(store, new Held(1, task(0)), [entry(2)]);
    const outcome = await store.atomic.appendAndPut([entry(3)], 'r', task(2), 0, put, 'absent');
    expect([outcome, await logged(crashed())]).toEqual(['committed', [1, 2, 3]]);
    stage(store, new Held(2, task(0)), [entry(4)]);
    expect(await versions(store)).toEqual([0, 1, 2]);
    expect(await logged(crashed())).toEqual([1, 2, 3, 4]);
  });

  it('keeps what comes in just before something that is written at once', async () => {
    const store = open();
    await store.log.ensureTopic('t', 1);
    const put = { header: header(0, task(1)), body: { kind: 'inline' as const, bytes: () => Uint8Array.of(9) } };
    const outcome = store.commits.put('r', task(1), 0, put, 'absent');
    const appended = store.log.append([entry(1)]);
    const other = store.atomic.appendAndPut([entry(2)], 'r', task(2), 0, put, 'absent');
    stage(store, new Held(0, task(0)), [entry(3)]);
    expect(await Promise.all([outcome, appended, other])).toEqual(['committed', undefined, 'committed']);
    await store.group.flush();
    expect((await logged(store)).sort()).toEqual([1, 2, 3]);
    expect((await logged(crashed())).sort()).toEqual([1, 2, 3]);
  });

  it('tells all who wait for it that it has failed', async () => {
    const store = open({ maxFileBytes: 400_000 });
    await store.log.ensureTopic('t', 1);
    const busy = new Held(0, task());
    stage(
      store,
      busy,
      Array.from({ length: 40 }, (_, n) => entry(n, 0, 20_000)),
    );
    busy.ready = false;
    const flush = store.group.flush();
    const read = store.commits.slots('r', task());
    const outcomes = Promise.allSettled([flush, read]);
    busy.ready = true;
    store.group.freed();
    const full = { status: 'rejected', reason: { message: expect.stringContaining('disk is full') } };
    expect(await outcomes).toMatchObject([full, full]);
  });

  it('is written when the store is closed, but for what cannot be', async () => {
    let store = open();
    await store.log.ensureTopic('t', 1);
    stage(store, new Held(0, task()), [entry(1)]);
    store.close();
    store = open();
    expect([await logged(store), await versions(store)]).toEqual([[1], [0]]);
    const busy = new Held(1, task());
    stage(store, busy, [entry(2)]);
    busy.ready = false;
    store.close();
    store = open();
    expect([await logged(store), await versions(store)]).toEqual([[1], [0]]);
  });

  it('stays as it is when the disk is full, and is written once there is room', async () => {
    const store = open({ maxFileBytes: 400_000 });
    const topic = await store.log.ensureTopic('t', 1);
    const first = new Held(0, task());
    const many = Array.from({ length: 40 }, (_, n) => entry(n, 0, 20_000));
    stage(store, first, many);
    const full = { kind: 'unavailable', retry: true, message: expect.stringContaining('disk is full') };
    await expect(store.group.flush()).rejects.toMatchObject(full);
    expect(() => store.group.check()).toThrow(/disk is full/);
    expect(await logged(crashed())).toEqual([]);
    expect(await logged(store)).toEqual(many.map((_, n) => n));
    expect(first.settledTimes).toBe(0);
    await store.log.trim(topic, 0, 35);
    expect(() => store.group.check()).not.toThrow();
    expect(first.settledTimes).toBe(1);
    expect(await logged(crashed())).toEqual([35, 36, 37, 38, 39]);
    await store.log.append([entry(40)]);
    await store.group.flush();
    expect(await logged(crashed())).toEqual([35, 36, 37, 38, 39, 40]);
  });

  it('tries again by itself after a flush that failed', async () => {
    const store = open({ maxFileBytes: 400_000 });
    const topic = await store.log.ensureTopic('t', 1);
    const commit = new Held(0, task());
    stage(
      store,
      commit,
      Array.from({ length: 40 }, (_, n) => entry(n, 0, 20_000)),
    );
    clock.advance(milliseconds(100));
    await turn();
    await store.log.trim(topic, 0, 40);
    expect(commit.settledTimes).toBe(0);
    clock.advance(milliseconds(1_000));
    await turn();
    expect(commit.settledTimes).toBe(1);
  });

  it('leaves after a crash at any moment what its last flush wrote, of all tasks and partitions', async () => {
    const step = fc.record({
      do: fc.constant('step' as const),
      task: fc.nat(2),
      to: fc.array(fc.nat(2), { maxLength: 3 }),
    });
    const action = fc.oneof(
      { weight: 8, arbitrary: step },
      { weight: 2, arbitrary: fc.record({ do: fc.constant('trim' as const), partition: fc.nat(2), keep: fc.nat(3) }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant('append' as const), partition: fc.nat(2) }) },
      { weight: 2, arbitrary: fc.record({ do: fc.constant('flush' as const) }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant('crash' as const) }) },
    );
    interface Seen {
      readonly partitions: { readonly start: number; readonly numbers: readonly number[] }[];
      readonly bodies: (number | undefined)[];
    }
    const copyOf = (seen: Seen): Seen => structuredClone(seen);
    await fc.assert(
      fc.asyncProperty(fc.array(action, { maxLength: 40 }), async (actions) => {
        const path = join(directory, `run-${copies++}`, 'state.db');
        mkdirSync(join(path, '..'));
        const store = open({ path });
        const topic = await store.log.ensureTopic('t', 3);
        let now: Seen = {
          partitions: [0, 1, 2].map(() => ({ start: 0, numbers: [] })),
          bodies: [undefined, undefined, undefined],
        };
        let written = copyOf(now);
        const staged: (Held | undefined)[] = [];
        const next = [0, 0, 0];
        let n = 0;
        const put = (partition: number): LogEntry => {
          now = copyOf(now);
          const { start, numbers } = now.partitions[partition]!;
          now.partitions[partition] = { start, numbers: [...numbers, n] };
          return { ...entry(n++, partition), ...(n % 3 === 0 ? {} : { size: 50 }) };
        };
        for (const a of actions) {
          if (a.do === 'step') {
            const commit = new Held(next[a.task]!, task(a.task), Uint8Array.of(n % 256));
            now.bodies[a.task] = n % 256;
            expect(stage(store, commit, a.to.map(put), staged[a.task])).toBe('committed');
            staged[a.task] = commit;
          } else if (a.do === 'append') await store.log.append([put(a.partition)]);
          else if (a.do === 'trim') {
            const { start, numbers } = now.partitions[a.partition]!;
            const gone = Math.max(0, numbers.length - a.keep);
            now.partitions[a.partition] = { start: start + gone, numbers: numbers.slice(gone) };
            await store.log.trim(topic, a.partition, start + gone);
          } else if (a.do === 'flush') {
            await store.group.flush();
            written = copyOf(now);
            for (const [i, commit] of staged.entries()) {
              if (commit === undefined) continue;
              expect(commit.settledTimes).toBe(1);
              next[i]!++;
              staged[i] = undefined;
            }
          } else {
            const copy = join(path, '..', `copy-${copies++}`);
            mkdirSync(copy);
            for (const name of ['state.db', 'state.db-wal']) cpSync(join(path, '..', name), join(copy, name));
            const left = openSqliteStore({ path: join(copy, 'state.db'), clock });
            const leftTopic = (await left.log.topic('t'))!;
            for (const [p, { start, numbers }] of written.partitions.entries()) {
              expect(await logged(left, p)).toEqual(numbers);
              expect(await left.log.bounds(leftTopic, p)).toEqual({ start, end: start + numbers.length });
            }
            for (const [i, body] of written.bodies.entries()) {
              const commits = await left.commits.slots('r', task(i));
              const newest = commits.toSorted((x, y) => y.header.version - x.header.version)[0]?.body;
              expect(newest?.kind === 'inline' ? newest.bytes()[0] : undefined).toBe(body);
            }
            left.close();
          }
          for (const [p, { start, numbers }] of now.partitions.entries()) {
            expect(await logged(store, p)).toEqual(numbers);
            expect(await store.log.bounds(topic, p)).toEqual({ start, end: start + numbers.length });
          }
        }
        store.close();
      }),
      { numRuns: 40 },
    );
  });
});
