import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { BlobStore } from '../../lib/ports/index.ts';
import { type Opened, skipNote, type Without } from './opened.ts';

/** A blob store for the suite. */
export interface BlobStoreSubject {
  readonly name: string;
  open(): Promise<Opened<BlobStore>>;
  /** What this adapter cannot show, each with the reason. */
  readonly without?: Without<'reopen' | 'nested-names'>;
}

const bytes = (...list: number[]) => Uint8Array.from(list);
const plain = (found: Uint8Array | undefined) => (found === undefined ? undefined : [...found]);

/** Every guarantee of the port BlobStore. */
export function blobStoreConformance(subject: BlobStoreSubject): void {
  const unless = (lack: 'reopen' | 'nested-names') => it.skipIf(subject.without?.[lack] !== undefined);
  const because = (lack: 'reopen' | 'nested-names') => skipNote(subject.without?.[lack]);

  describe(`BlobStore: ${subject.name}`, () => {
    let opened: Opened<BlobStore>;
    let store: BlobStore;

    beforeEach(async () => {
      opened = await subject.open();
      store = opened.port;
    });
    afterEach(() => opened.close());

    it('has nothing at first', async () => {
      expect(await store.get('a')).toBeUndefined();
      expect(await store.getRange('a', 0, 1)).toBeUndefined();
      expect(await store.list('')).toEqual([]);
      await store.delete(['a', 'b/c']);
    });

    it('reads back what was put, empty blobs too', async () => {
      await store.put('a', bytes(1, 2, 3));
      await store.put('b/c', bytes());
      expect(plain(await store.get('a'))).toEqual([1, 2, 3]);
      expect(plain(await store.get('b/c'))).toEqual([]);
      expect(await store.get('b')).toBeUndefined();
    });

    it('replaces a blob of the same name whole', async () => {
      await store.put('a', bytes(1, 2, 3, 4));
      await store.put('a', bytes(9));
      expect(plain(await store.get('a'))).toEqual([9]);
      expect(await store.list('')).toEqual(['a']);
    });

    it('creates a blob unless there is one of that name', async () => {
      expect(await store.create('a/b', bytes(1, 2))).toBe('created');
      expect(await store.create('a/b', bytes(3))).toBe('exists');
      expect(plain(await store.get('a/b'))).toEqual([1, 2]);
      await store.put('a/c', bytes(4));
      expect(await store.create('a/c', bytes(5))).toBe('exists');
      await store.delete(['a/b']);
      expect(await store.create('a/b', bytes(6))).toBe('created');
      expect(await store.list('')).toEqual(['a/b', 'a/c']);
    });

    it('lets one of many racing creators in, and the blob is that one', async () => {
      for (const name of ['r/1', 'r/2', 'r/3']) {
        const outcomes = await Promise.all(Array.from({ length: 8 }, (_, i) => store.create(name, bytes(i))));
        expect(outcomes.filter((outcome) => outcome === 'created')).toHaveLength(1);
        expect(plain(await store.get(name))).toEqual([outcomes.indexOf('created')]);
      }
    });

    it('keeps what was put, whatever becomes of the bytes afterwards', async () => {
      const given = bytes(1, 2, 3);
      await store.put('a', given);
      given.fill(7);
      (await store.get('a'))!.fill(8);
      expect(plain(await store.get('a'))).toEqual([1, 2, 3]);
    });

    it('puts a view of a larger buffer as the view', async () => {
      await store.put('a', bytes(0, 1, 2, 3, 4).subarray(1, 3));
      expect(plain(await store.get('a'))).toEqual([1, 2]);
    });

    it('takes a large blob and many at once', async () => {
      const large = Uint8Array.from({ length: 500_000 }, (_, i) => i % 253);
      const names = Array.from({ length: 20 }, (_, i) => `many/${i % 3}/${i}`);
      await Promise.all([store.put('large', large), ...names.map((name, i) => store.put(name, bytes(i)))]);
      expect(Buffer.from((await store.get('large'))!).equals(large)).toBe(true);
      for (const [i, name] of names.entries()) expect(plain(await store.get(name))).toEqual([i]);
    });

    it('reads ranges, fewer bytes at the end', async () => {
      await store.put('a', bytes(0, 1, 2, 3, 4));
      expect(plain(await store.getRange('a', 1, 3))).toEqual([1, 2]);
      expect(plain(await store.getRange('a', 0, 5))).toEqual([0, 1, 2, 3, 4]);
      expect(plain(await store.getRange('a', 3, 99))).toEqual([3, 4]);
      expect(plain(await store.getRange('a', 5, 9))).toEqual([]);
      expect(plain(await store.getRange('a', 2, 2))).toEqual([]);
      await store.put('empty', bytes());
      expect(plain(await store.getRange('empty', 0, 4))).toEqual([]);
      expect(plain(await store.getRange('empty', 0, 0))).toEqual([]);
      expect(await store.getRange('none', 0, 0)).toBeUndefined();
    });

    it('lists names by prefix in ascending order of code units', async () => {
      const names = ['b', 'a/10', 'a/9', 'a/1/x', 'B', 'a/é', 'ab/1', 'a/\u{1F600}', 'a/\uFF5E'];
      for (const name of names) await store.put(name, bytes(1));
      expect(await store.list('')).toEqual([...names].sort());
      expect(await store.list('a/')).toEqual(names.filter((name) => name.startsWith('a/')).sort());
      expect(await store.list('a/1')).toEqual(['a/1/x', 'a/10']);
      expect(await store.list('a')).toEqual(names.filter((name) => name.startsWith('a')).sort());
      expect(await store.list('none/')).toEqual([]);
    });

    it('deletes those that exist', async () => {
      for (const name of ['a/1', 'a/2', 'a/3']) await store.put(name, bytes(1));
      await store.delete(['a/1', 'a/3', 'a/4', 'b/1']);
      expect(await store.list('')).toEqual(['a/2']);
      expect(await store.get('a/1')).toBeUndefined();
      await store.delete([]);
      await store.put('a/1', bytes(5));
      expect(plain(await store.get('a/1'))).toEqual([5]);
    });

    it('takes names with every sign a stage may have', async () => {
      const names = ['t/a b', 't/%41', 't/a:b*?"<>|', 't/~x', 't/\\', 't/..x', "t/it's", 't/über-日本', 't/.hidden'];
      for (const [i, name] of names.entries()) await store.put(name, bytes(i));
      for (const [i, name] of names.entries()) expect(plain(await store.get(name))).toEqual([i]);
      expect(await store.list('t/')).toEqual([...names].sort());
    });

    unless('nested-names')(`takes a name that lies below another${because('nested-names')}`, async () => {
      await store.put('a', bytes(1));
      await store.put('a/b', bytes(2));
      expect(await store.list('a')).toEqual(['a', 'a/b']);
    });

    unless('reopen')(`still has its blobs when opened again${because('reopen')}`, async () => {
      await store.put('a/b', bytes(1, 2));
      store = await opened.reopen!();
      expect(plain(await store.get('a/b'))).toEqual([1, 2]);
      expect(await store.list('')).toEqual(['a/b']);
    });
  });
}
