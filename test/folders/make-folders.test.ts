import { existsSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { makeFolders } from '../../lib/folders/index.ts';

describe('making folders', () => {
  const root = mkdtempSync(join(tmpdir(), 'folders-'));

  it('makes all that are missing, and does nothing the second time', () => {
    makeFolders(join(root, 'a', 'b', 'c'));
    makeFolders(join(root, 'a', 'b', 'c'));
    expect(existsSync(join(root, 'a', 'b', 'c'))).toBe(true);
  });

  it('throws where a file is in the way', () => {
    writeFileSync(join(root, 'file'), '');
    expect(() => makeFolders(join(root, 'file', 'x'))).toThrow(/ENOTDIR/);
  });

  it.runIf(existsSync('/proc/self'))(
    'throws where the file system has no room for folders, instead of never coming back',
    () => {
      expect(() => makeFolders('/proc/nowhere/x')).toThrow(/ENOENT/);
    },
  );
});
