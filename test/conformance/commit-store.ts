import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { NOTHING, type TaskId } from '../../lib/model/index.ts';
import type { CommitStore } from '../../lib/ports/index.ts';
import { type Commit, type CommitHeader, expectedInSlot, slotOf, type TaskStatus } from '../../lib/protocol/index.ts';
import { type Opened, skipNote, type Without } from './opened.ts';

/** A commit store for the suite. */
export interface CommitStoreSubject {
  readonly name: string;
  open(): Promise<Opened<CommitStore>>;
  /** What this adapter cannot show, each with the reason. */
  readonly without?: Without<'reopen' | 'bodies'>;
}

export const task: TaskId = { stage: 'stage é/1', partition: 3 };

/** A header that uses everything a header may hold. */
export const header = (version: number, of: TaskId = task, more: Partial<CommitHeader> = {}): CommitHeader => ({
  run: 'run-1',
  task: of,
  version,
  topicId: 'topic-1',
  nextOffset: 10 * version,
  epoch: 2,
  watermark: Number.MIN_SAFE_INTEGER,
  processingTime: 1_700_000_000_000,
  eventTimer: undefined,
  processingTimer: Number.MAX_SAFE_INTEGER,
  status: { kind: 'ok' },
  snapshot: { version: 1, name: 'snap/1', base: 0 },
  source: {
    watermark: 5,
    lastArrival: 6,
    spoken: true,
    cursor: { file: 1, at: [2, null, '~'], '~': 'odd' },
    drainTo: undefined,
    handOver: undefined,
    done: false,
    sent: { 'a>b': [NOTHING, { cause: 4, k: 2 }] },
  },
  debts: 1,
  heldBy: 'a>b#1',
  stateBytes: 100,
  stateEntries: 7,
  restarts: 0,
  at: 1_700_000_000_001,
  ...more,
});

/** A commit with a body of those bytes. */
export const commit = (version: number, bytes: readonly number[] = [version], of: TaskId = task): Commit => ({
  header: header(version, of),
  body: { kind: 'inline', bytes: () => Uint8Array.from(bytes) },
});

/** Every guarantee of the port CommitStore. */
export function commitStoreConformance(subject: CommitStoreSubject): void {
  const unless = (lack: 'reopen' | 'bodies') => it.skipIf(subject.without?.[lack] !== undefined);
  const because = (lack: 'reopen' | 'bodies') => skipNote(subject.without?.[lack]);
  const slots = 4;

  describe(`CommitStore: ${subject.name}`, () => {
    let opened: Opened<CommitStore>;
    let store: CommitStore;

    beforeEach(async () => {
      opened = await subject.open();
      store = opened.port;
    });
    afterEach(() => opened.close());

    const put = (version: number, of = task, bytes?: readonly number[]) =>
      store.put('run-1', of, slotOf(version, slots), commit(version, bytes, of), expectedInSlot(version, slots));
    const versions = async (of = task) => {
      const found = (await store.slots('run-1', of)).map((c) => c.header.version);
      return found.sort((a, b) => a - b);
    };

    describe('a task that was never born', () => {
      it('has no slots and no head', async () => {
        expect(await store.slots('run-1', task)).toEqual([]);
        expect(await store.head('run-1', task)).toBeUndefined();
        expect(await store.head('run-1', task, { version: 7, slots })).toBeUndefined();
      });
    });

    describe('put', () => {
      it('writes into a slot that is empty, as expected', async () => {
        expect(await put(0)).toBe('committed');
        expect((await store.head('run-1', task))?.version).toBe(0);
      });

      it('goes round the ring', async () => {
        for (let version = 0; version < 11; version++) expect(await put(version)).toBe('committed');
        expect((await store.head('run-1', task))?.version).toBe(10);
      });

      it('is lost where the slot is taken but was expected empty', async () => {
        await put(0);
        expect(await put(0, task, [99])).toBe('lost');
      });

      it('is lost where the slot is empty but was expected taken', async () => {
        expect(await store.put('run-1', task, 0, commit(4), 0)).toBe('lost');
        expect(await store.slots('run-1', task)).toEqual([]);
        expect(await store.head('run-1', task)).toBeUndefined();
      });

      it('is lost where the slot holds another version, older or newer', async () => {
        for (let version = 0; version < 5; version++) await put(version);
        expect(await store.put('run-1', task, 0, commit(8), 0)).toBe('lost');
        expect(await store.put('run-1', task, 1, commit(9), 5)).toBe('lost');
        expect((await store.head('run-1', task))?.version).toBe(4);
      });

      unless('bodies')(`changes nothing when it is lost${because('bodies')}`, async () => {
        for (let version = 0; version < 5; version++) await put(version);
        const before = await store.slots('run-1', task);
        await store.put('run-1', task, 0, commit(8, [1, 2, 3]), 0);
        await store.put('run-1', task, 1, commit(1, [1, 2, 3]), 'absent');
        expect(await contents(store)).toEqual(await contentsOf(before));
      });

      it('lets exactly one of many racing writers in', async () => {
        for (let version = 0; version < 9; version++) {
          const racing = Array.from({ length: 6 }, (_, writer) => put(version, task, [writer]));
          const outcomes = await Promise.all(racing);
          expect(outcomes.filter((outcome) => outcome === 'committed')).toHaveLength(1);
        }
        expect((await store.head('run-1', task))?.version).toBe(8);
      });

      it('keeps tasks and runs apart', async () => {
        const other: TaskId = { ...task, partition: 4 };
        const others: readonly [string, TaskId][] = [
          ['run-1', other],
          ['run-2', task],
          ['run-1', { stage: 'stage', partition: 3 }],
        ];
        await put(0);
        for (const [run, of] of others) {
          expect(await store.put(run, of, 0, commit(0, [0], of), 'absent')).toBe('committed');
          expect(await store.put(run, of, 1, commit(1, [1], of), 'absent')).toBe('committed');
        }
        expect((await store.head('run-1', task))?.version).toBe(0);
        expect((await store.head('run-2', task))?.version).toBe(1);
        expect((await store.head('run-1', other))?.version).toBe(1);
      });
    });

    describe('slots', () => {
      unless('bodies')(`holds every put acknowledged before${because('bodies')}`, async () => {
        for (let version = 0; version < 7; version++) {
          await put(version);
          expect(await versions()).toEqual(
            Array.from({ length: Math.min(version + 1, slots) }, (_, i) => Math.max(0, version - slots + 1) + i),
          );
        }
      });

      unless('bodies')(`brings back header and bytes as they were put${because('bodies')}`, async () => {
        await put(0, task, []);
        await put(1, task, [0, 255, 7]);
        expect(await contents(store)).toEqual([
          { header: header(0), body: [] },
          { header: header(1), body: [0, 255, 7] },
        ]);
      });

      unless('bodies')(`brings back the name of a body that stands in a blob${because('bodies')}`, async () => {
        const named: Commit = { header: header(0), body: { kind: 'blob', name: 'deltas/0' } };
        await store.put('run-1', task, 0, named, 'absent');
        expect((await store.slots('run-1', task))[0]!.body).toEqual({ kind: 'blob', name: 'deltas/0' });
        const inline = commit(4, [1]);
        expect(await store.put('run-1', task, 0, inline, 0)).toBe('committed');
        expect(await contents(store)).toEqual([{ header: header(4), body: [1] }]);
      });

      unless('bodies')(`keeps what was put, whatever becomes of the bytes afterwards${because('bodies')}`, async () => {
        const bytes = Uint8Array.of(1, 2, 3);
        await store.put(
          'run-1',
          task,
          0,
          { header: header(0), body: { kind: 'inline', bytes: () => bytes } },
          'absent',
        );
        bytes.fill(9);
        expect((await contents(store))[0]!.body).toEqual([1, 2, 3]);
      });

      unless('bodies')(`takes a large body${because('bodies')}`, async () => {
        const bytes = Uint8Array.from({ length: store.maxInlineBytes ?? 300_000 }, (_, i) => i % 251);
        await store.put(
          'run-1',
          task,
          0,
          { header: header(0), body: { kind: 'inline', bytes: () => bytes } },
          'absent',
        );
        const body = (await store.slots('run-1', task))[0]!.body;
        expect(body.kind === 'inline' && Buffer.from(body.bytes()).equals(bytes)).toBe(true);
      });
    });

    describe('versions, where it reads some alone', () => {
      unless('bodies')(`are those that are there, whole, in the order asked for${because('bodies')}`, async () => {
        if (store.versions === undefined) return;
        for (let version = 0; version < 7; version++) await put(version);
        const found = await store.versions('run-1', task, [2, 4, 5, 6, 7], slots);
        expect(found.map((each) => each.header)).toEqual([4, 5, 6].map((version) => header(version)));
        expect(await store.versions('run-1', { stage: 'other', partition: 0 }, [0], slots)).toEqual([]);
        const bodies = found.map(({ body }) => (body.kind === 'inline' ? [...body.bytes()] : body.name));
        expect(bodies).toEqual([[4], [5], [6]]);
      });
    });

    describe('head', () => {
      const headAfter = async (version: number) => (await store.head('run-1', task, { version, slots }))?.version;

      it('is the newest header, whole', async () => {
        for (let version = 0; version < 6; version++) await put(version);
        expect(await store.head('run-1', task)).toEqual(header(5));
      });

      it('is the newest, whichever version was known before', async () => {
        for (let version = 0; version < 10; version++) await put(version);
        for (let known = 0; known < 10; known++) expect(await headAfter(known)).toBe(9);
        await put(10);
        expect(await headAfter(9)).toBe(10);
        expect(await headAfter(2)).toBe(10);
      });

      it('is the newest where the version known before is the one that it gave last', async () => {
        let known: number | undefined;
        for (const upTo of [0, 0, 2, 3, 4, 4, 9, 10, 18, 18]) {
          for (let version = (known ?? -1) + 1; version <= upTo; version++) await put(version);
          const head = await store.head('run-1', task, known === undefined ? undefined : { version: known, slots });
          expect(head).toEqual(header(upTo));
          known = upTo;
        }
      });

      it('holds a status with its failure', async () => {
        const failure = {
          kind: 'operator-failed',
          message: 'no "x"',
          operator: 'op',
          hint: 'h',
          stack: 'at\nb',
          at: 12,
        };
        const statuses: readonly TaskStatus[] = [
          { kind: 'backoff', offset: 4, unit: 0, attempts: 2, until: Infinity, skip: [1, 2], failure },
          { kind: 'stopped', reason: 'gap', failure, skip: [] },
        ];
        for (const [version, status] of statuses.entries()) {
          const stored: Commit = { ...commit(version), header: header(version, task, { status, source: undefined }) };
          await store.put('run-1', task, version, stored, 'absent');
          expect(await store.head('run-1', task)).toEqual(stored.header);
        }
      });
    });

    describe('records', () => {
      const names = async (prefix: string, last?: number, pipeline = 'p') =>
        (await store.records(pipeline, prefix, last)).map(({ name }) => name);

      it('are written once: a second of the same name changes nothing', async () => {
        expect(await store.createRecord('p', 'growth/1', { ends: [4, undefined], bound: Infinity })).toBe('created');
        expect(await store.createRecord('p', 'growth/1', { ends: [8] })).toBe('exists');
        expect(await store.records('p', 'growth/1')).toEqual([
          { name: 'growth/1', value: { ends: [4, undefined], bound: Infinity } },
        ]);
      });

      it('let one of many racing creators in, and the record is that one', async () => {
        const create = (_: unknown, i: number) => store.createRecord('p', 'code/1', i);
        const outcomes = await Promise.all(Array.from({ length: 6 }, create));
        expect(outcomes.filter((outcome) => outcome === 'created')).toHaveLength(1);
        expect(await store.records('p', '')).toEqual([{ name: 'code/1', value: outcomes.indexOf('created') }]);
      });

      it("are listed by prefix in ascending order of the names' bytes, of the pipeline asked for", async () => {
        const all = ['b', 'a/10', 'a/9', 'a', 'a/é', 'a/\u{1F600}', 'a/\uFF5E', 'a/%', 'a/_'];
        for (const name of all) await store.createRecord('p', name, null);
        await store.createRecord('q', 'a/8', null);
        await store.createRecord('p/a', '1', null);
        const ascending = ['a/%', 'a/10', 'a/9', 'a/_', 'a/é', 'a/\uFF5E', 'a/\u{1F600}'];
        expect(await names('a/')).toEqual(ascending);
        expect(await names('')).toEqual(['a', ...ascending, 'b']);
        expect(await names('a/_')).toEqual(['a/_']);
        expect(await names('', undefined, 'q')).toEqual(['a/8']);
        expect(await names('none')).toEqual([]);
      });

      it('are listed from the end where only the last are asked for', async () => {
        for (const name of ['a/1', 'a/2', 'a/3', 'b/1']) await store.createRecord('p', name, null);
        expect(await names('a/', 1)).toEqual(['a/3']);
        expect(await names('a/', 2)).toEqual(['a/2', 'a/3']);
        expect(await names('a/', 9)).toEqual(['a/1', 'a/2', 'a/3']);
      });
    });

    describe('opened again', () => {
      unless('reopen')(`still has its commits and records${because('reopen')}`, async () => {
        await store.createRecord('p', 'code/1', { epochs: {} });
        for (let version = 0; version < 6; version++) await put(version);
        const before = await contents(store);
        store = await opened.reopen!();
        expect(await store.records('p', 'code/')).toEqual([{ name: 'code/1', value: { epochs: {} } }]);
        expect(await contents(store)).toEqual(before);
        expect(await store.head('run-1', task)).toEqual(header(5));
        expect(await store.createRecord('p', 'code/1', null)).toBe('exists');
        expect(await put(5)).toBe('lost');
        expect(await put(6)).toBe('committed');
      });
    });
  });
}

async function contents(store: CommitStore) {
  return contentsOf(await store.slots('run-1', task));
}

function contentsOf(commits: readonly Commit[]) {
  const all = commits.map(({ header, body }) => ({ header, body: body.kind === 'inline' ? [...body.bytes()] : body }));
  return all.sort((a, b) => a.header.version - b.header.version);
}
