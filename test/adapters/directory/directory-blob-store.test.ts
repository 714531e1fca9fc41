import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { nameOfPath, pathOfName } from '../../../lib/adapters/directory/blob-name.ts';
import { directoryError } from '../../../lib/adapters/directory/directory-error.ts';
import { DirectoryBlobStore } from '../../../lib/adapters/directory/index.ts';
import { temporaryDirectory } from '../../conformance/adapters.ts';

describe('blobs in a directory', () => {
  let root: string;
  beforeEach(async () => {
    root = await temporaryDirectory();
  });
  afterEach(() => rm(root, { recursive: true, force: true }));

  it('refuses names that would leave the directory', async () => {
    const store = new DirectoryBlobStore(join(root, 'in'));
    await writeFile(join(root, 'secret'), 'x');
    for (const name of ['../secret', 'a/../../secret', '/secret', 'a//b', './a', '', 'a/', '\ud800']) {
      await expect(store.put(name, new Uint8Array(1))).rejects.toMatchObject({ kind: 'internal' });
      await expect(store.get(name)).rejects.toMatchObject({ kind: 'internal' });
      await expect(store.delete([name])).rejects.toMatchObject({ kind: 'internal' });
    }
    expect(await readdir(root)).toEqual(['secret']);
  });

  it('lists neither what is unfinished nor files that are not its own, and sweeps the former', async () => {
    const store = new DirectoryBlobStore(root);
    await store.put('a/1', new Uint8Array(1));
    await writeFile(join(root, '%unfinished', 'left-over'), 'half');
    await writeFile(join(root, 'strange%zz'), 'x');
    expect(await store.list('')).toEqual(['a/1']);
    await store.sweep();
    expect((await readdir(root)).sort()).toEqual(['a', 'strange%zz']);
    await store.sweep();
  });

  it('leaves nothing behind when a put fails', async () => {
    const store = new DirectoryBlobStore(root);
    await mkdir(join(root, 'a', 'b'), { recursive: true });
    await expect(store.put('a', new Uint8Array(1))).rejects.toMatchObject({ kind: 'unavailable' });
    expect(await readdir(join(root, '%unfinished'))).toEqual([]);
  });

  it('says what a full disk and a refused permission are', () => {
    const thrown = (code: string) => directoryError(Object.assign(new Error(code), { code }), '/data/x');
    expect(thrown('ENOSPC')).toMatchObject({ kind: 'unavailable', hint: expect.stringContaining('space') });
    expect(thrown('EACCES')).toMatchObject({ kind: 'unavailable', hint: expect.stringContaining('permissions') });
    expect(thrown('EIO')).toMatchObject({ kind: 'unavailable', where: { file: '/data/x' } });
  });
});

describe('names as paths', () => {
  const segment = fc
    .string({ minLength: 1, maxLength: 20, unit: 'grapheme' })
    .filter((text) => text.isWellFormed() && !text.includes('/') && text !== '.' && text !== '..')
    .filter((text) => encodeURIComponent(text).length < 250);

  it('go there and back, and never outside', () => {
    fc.assert(
      fc.property(fc.array(segment, { minLength: 1, maxLength: 4 }), (segments) => {
        const name = segments.join('/');
        const path = pathOfName(name);
        expect(nameOfPath(path)).toBe(name);
        expect(join('/root', path).startsWith('/root/')).toBe(true);
        expect(path).toMatch(/^[A-Za-z0-9\-_.!~'()%/]+$/);
      }),
    );
  });
});
