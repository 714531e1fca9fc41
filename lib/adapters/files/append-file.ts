import { closeSync, fsyncSync, ftruncateSync, openSync, renameSync, statSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { makeFolders } from '../../folders/index.ts';
import { MillraceError } from '../../model/index.ts';
import { fileError } from './file-error.ts';

/**
 * A file that only grows, and can be put back to a length it had: how file sinks are exactly once. Until `finish` it is `<path>.inprogress`
 * (unless `inPlace`), so that nobody takes a part for the whole; its first `length` bytes, of the last commit, are whole records.
 */
export class AppendFile {
  readonly #path: string;
  readonly #working: string;
  #fd: number | undefined;
  #length: number;

  private constructor(path: string, working: string, fd: number | undefined, length: number) {
    this.#path = path;
    this.#working = working;
    this.#fd = fd;
    this.#length = length;
  }

  /**
   * Opens the file at `length`, cutting what follows; undefined starts it empty. One that was finished at that length is taken up again when
   * more is appended. `data-lost` if it is shorter.
   */
  static open(path: string, length: number | undefined, inPlace: boolean): AppendFile {
    const working = inPlace ? path : `${path}.inprogress`;
    try {
      makeFolders(dirname(path));
      if (length === undefined) return new AppendFile(path, working, openSync(working, 'w'), 0);
      const size = statSync(working, { throwIfNoEntry: false })?.size;
      if (size === undefined && !inPlace && statSync(path, { throwIfNoEntry: false })?.size === length) {
        return new AppendFile(path, working, undefined, length);
      }
      if ((size ?? 0) < length) throw shorter(working, size, length);
      const fd = openSync(working, size === undefined ? 'w' : 'r+');
      ftruncateSync(fd, length);
      return new AppendFile(path, working, fd, length);
    } catch (thrown) {
      throw fileError(thrown, path);
    }
  }

  get length(): number {
    return this.#length;
  }

  /** Appends all of the bytes, piece by piece; after an error, also of who makes them, none of them count, and the next append overwrites them. */
  append(pieces: Iterable<Uint8Array>): number {
    let length = this.#length;
    for (const bytes of pieces) length = this.#write(bytes, length);
    this.#length = length;
    return length;
  }

  #write(bytes: Uint8Array, at: number): number {
    try {
      this.#fd ??= this.#takeUp();
      for (let done = 0; done < bytes.length; ) {
        done += writeSync(this.#fd, bytes, done, bytes.length - done, at + done);
      }
    } catch (thrown) {
      throw fileError(thrown, this.#working);
    }
    return at + bytes.length;
  }

  /** Makes what was appended outlast a loss of power. */
  sync(): void {
    if (this.#fd === undefined) return;
    try {
      fsyncSync(this.#fd);
    } catch (thrown) {
      throw fileError(thrown, this.#working);
    }
  }

  /** Closes the file and gives it its name. Doing so again changes nothing. */
  finish(): void {
    if (this.#fd === undefined) return;
    this.sync();
    this.close();
    try {
      if (this.#working !== this.#path) renameSync(this.#working, this.#path);
    } catch (thrown) {
      throw fileError(thrown, this.#path);
    }
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }

  #takeUp(): number {
    if (this.#working !== this.#path) renameSync(this.#path, this.#working);
    return openSync(this.#working, 'r+');
  }
}

function shorter(path: string, size: number | undefined, length: number): MillraceError {
  const fact = size === undefined ? `the output file ${path} is gone` : `the output file ${path} has ${size} bytes`;
  return new MillraceError('data-lost', `${fact}, and ${length} were committed`, {
    where: { file: path },
    hint: 'put the file back as it was, or start over with a new data directory',
  });
}
