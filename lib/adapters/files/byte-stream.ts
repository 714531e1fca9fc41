import { closeSync, createReadStream, fstatSync, openSync, readSync, statSync } from 'node:fs';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { MillraceError, messageOf } from '../../model/index.ts';
import { changedError, fileError } from './file-error.ts';
import type { Packing } from './file-set.ts';

/** A file's bytes in order, unpacked. */
export interface ByteStream {
  /** Puts up to `length` bytes at `target[at]` and says how many; 0 where there are no more now. */
  read(target: Buffer, at: number, length: number): number | Promise<number>;
  /** Whether bytes lie ahead that were not read, as far as can be told. */
  more(): boolean;
  close(): void;
}

/** What part of a file to read: unpacked bytes from `start` to `end`, which is undefined for a packed file or one that is followed. */
export interface ByteRange {
  readonly path: string;
  readonly packing: Packing;
  readonly start: number;
  readonly end: number | undefined;
}

/** Bytes from `range.start` on. A packed file is unpacked from its beginning up to there. */
export async function openBytes(range: ByteRange): Promise<ByteStream> {
  if (range.packing === 'plain') return new PlainBytes(range);
  const stream = new PackedBytes(range.path, range.packing);
  const waste = Buffer.allocUnsafe(65_536);
  for (let left = range.start; left > 0; ) {
    const n = await stream.read(waste, 0, Math.min(left, waste.length));
    if (n === 0) throw changedError(range.path, `it ends ${left} bytes before the place where reading stopped`);
    left -= n;
  }
  return stream;
}

/** Reads synchronously: from the page cache that costs less than one promise. */
class PlainBytes implements ByteStream {
  readonly #path: string;
  readonly #fd: number;
  readonly #end: number | undefined;
  #position: number;

  constructor(range: ByteRange) {
    this.#path = range.path;
    this.#position = range.start;
    this.#end = range.end;
    try {
      this.#fd = openSync(range.path, 'r');
    } catch (thrown) {
      throw fileError(thrown, range.path);
    }
    const size = fstatSync(this.#fd).size;
    const had = Math.max(range.start, range.end ?? 0);
    if (size < had || (range.end ?? had) < range.start) {
      closeSync(this.#fd);
      throw changedError(range.path, `it has ${size} bytes, and had ${had} or more`);
    }
  }

  read(target: Buffer, at: number, length: number): number {
    const wanted = this.#end === undefined ? length : Math.min(length, this.#end - this.#position);
    if (wanted === 0) return 0;
    let n: number;
    try {
      n = readSync(this.#fd, target, at, wanted, this.#position);
    } catch (thrown) {
      throw fileError(thrown, this.#path);
    }
    if (n === 0) this.#expectUnchanged();
    this.#position += n;
    return n;
  }

  more(): boolean {
    return (this.#end ?? fstatSync(this.#fd).size) > this.#position;
  }

  close(): void {
    closeSync(this.#fd);
  }

  #expectUnchanged(): void {
    const now = statSync(this.#path, { throwIfNoEntry: false });
    if (now === undefined) throw changedError(this.#path, 'it is gone');
    const opened = fstatSync(this.#fd);
    if (now.ino !== opened.ino || now.dev !== opened.dev) throw changedError(this.#path, 'another file has its name');
    if (opened.size < (this.#end ?? this.#position))
      throw changedError(this.#path, `it was cut to ${opened.size} bytes`);
  }
}

class PackedBytes implements ByteStream {
  readonly #path: string;
  readonly #packing: Packing;
  readonly #chunks: AsyncIterator<Buffer>;
  readonly #stop: () => void;
  #chunk: Buffer = Buffer.alloc(0);
  #done = false;

  constructor(path: string, packing: Packing) {
    this.#path = path;
    this.#packing = packing;
    const input = createReadStream(path, { highWaterMark: 262_144 });
    const unpack =
      packing === 'gzip' ? createGunzip({ chunkSize: 65_536 }) : createZstdDecompress({ chunkSize: 65_536 });
    input.on('error', (error) => unpack.destroy(error));
    input.pipe(unpack);
    this.#chunks = unpack[Symbol.asyncIterator]();
    this.#stop = () => {
      unpack.destroy();
      input.destroy();
    };
  }

  async read(target: Buffer, at: number, length: number): Promise<number> {
    if (this.#chunk.length === 0 && !this.#done) await this.#pull();
    const n = this.#chunk.copy(target, at, 0, Math.min(length, this.#chunk.length));
    this.#chunk = this.#chunk.subarray(n);
    return n;
  }

  more(): boolean {
    return !this.#done || this.#chunk.length > 0;
  }

  close(): void {
    this.#stop();
  }

  async #pull(): Promise<void> {
    try {
      const { value, done } = await this.#chunks.next();
      if (done === true) this.#done = true;
      else this.#chunk = value;
    } catch (thrown) {
      if (thrown instanceof Error && 'syscall' in thrown) throw fileError(thrown, this.#path);
      throw new MillraceError(
        'unavailable',
        `the file ${this.#path} is not sound ${this.#packing}: ${messageOf(thrown)}`,
        {
          where: { file: this.#path },
          retry: false,
          cause: thrown,
          hint: 'it may be cut short or damaged; unpack it by hand to see how far it is whole',
        },
      );
    }
  }
}
