import { closeSync, existsSync, fstatSync, openSync, readSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { makeFolders } from '../../folders/index.ts';
import type { MillraceError } from '../../model/index.ts';
import type { SourceLog } from '../../ports/index.ts';
import { fileError } from './file-error.ts';

/**
 * A stream copied to a file as it comes. A line that a killed process left unfinished is ended where it stopped, so that it is seen as broken and what
 * the next process brings begins on a line of its own.
 */
export class Spool {
  readonly path: string;
  readonly #input: Readable;
  #fd: number | undefined;
  #ended: boolean;
  #error: MillraceError | undefined;
  #wake: (() => void)[] = [];
  readonly grows = (): boolean => !this.#ended;

  private constructor(path: string, input: Readable, fd: number | undefined) {
    this.path = path;
    this.#input = input;
    this.#fd = fd;
    this.#ended = fd === undefined;
  }

  static open(folder: string, input: Readable): Spool {
    const path = join(folder, 'stdin');
    try {
      makeFolders(folder);
      if (existsSync(`${path}.ended`)) return new Spool(path, input, undefined);
      const fd = openSync(path, 'a+');
      endLine(fd);
      const spool = new Spool(path, input, fd);
      spool.#start(fd);
      return spool;
    } catch (thrown) {
      throw fileError(thrown, path);
    }
  }

  /** Resolves once there may be more than before. */
  async changed(signal: AbortSignal): Promise<void> {
    if (this.#error !== undefined) throw this.#error;
    if (this.#ended) return;
    await new Promise<void>((resolve, reject) => {
      const abort = (): void => reject(signal.reason);
      signal.addEventListener('abort', abort, { once: true });
      this.#wake.push(() => {
        signal.removeEventListener('abort', abort);
        resolve();
      });
    });
  }

  /** The log of the spool's file, closing and failing with the spool. */
  around(log: SourceLog): SourceLog {
    return {
      info: log.info,
      read: async (partition, from, limit, cursor) => {
        if (this.#error !== undefined) throw this.#error;
        return log.read(partition, from, limit, cursor);
      },
      bounds: (partition) => log.bounds(partition),
      close: async () => {
        this.#stop();
        await log.close();
      },
    };
  }

  #start(fd: number): void {
    this.#input.on('data', (chunk: Buffer | string) => {
      try {
        const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
        for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done);
      } catch (thrown) {
        this.#fail(thrown);
      }
      this.#wakeAll();
    });
    this.#input.on('end', () => {
      this.#ended = true;
      try {
        writeFileSync(`${this.path}.ended`, '');
      } catch (thrown) {
        this.#fail(thrown);
      }
      this.#wakeAll();
    });
    this.#input.on('error', (thrown) => {
      this.#fail(thrown);
      this.#wakeAll();
    });
  }

  #fail(thrown: unknown): void {
    this.#error ??= fileError(thrown, this.path);
    this.#input.pause();
  }

  #wakeAll(): void {
    for (const wake of this.#wake.splice(0)) wake();
  }

  #stop(): void {
    if (this.#fd === undefined) return;
    this.#input.removeAllListeners('data');
    this.#input.removeAllListeners('end');
    this.#input.pause();
    closeSync(this.#fd);
    this.#fd = undefined;
  }
}

function endLine(fd: number): void {
  const { size } = fstatSync(fd);
  const last = Buffer.alloc(1);
  if (size > 0 && readSync(fd, last, 0, 1, size - 1) === 1 && last[0] !== 10) writeSync(fd, '\n');
}
