import { once } from 'node:events';
import type { Readable } from 'node:stream';
import type { MillraceError } from '../../model/index.ts';
import type { ByteStream } from './byte-stream.ts';
import { fileError } from './file-error.ts';

/** The bytes of a stream that are there now; never waits. */
export class PipeBytes implements ByteStream {
  readonly #input: Readable;
  #chunk: Buffer = Buffer.alloc(0);
  #ended = false;
  #error: MillraceError | undefined;
  readonly grows = (): boolean => !this.#ended;

  constructor(input: Readable, name: string) {
    this.#input = input;
    this.#ended = input.readableEnded;
    input.on('readable', ignore);
    input.on('end', () => {
      this.#ended = true;
    });
    input.on('error', (thrown) => {
      this.#error = fileError(thrown, name);
    });
  }

  read(target: Buffer, at: number, length: number): number {
    if (this.#error !== undefined) throw this.#error;
    if (this.#chunk.length === 0) {
      const chunk: Buffer | string | null = this.#input.read();
      if (chunk === null) return 0;
      this.#chunk = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
    }
    const n = this.#chunk.copy(target, at, 0, Math.min(length, this.#chunk.length));
    this.#chunk = this.#chunk.subarray(n);
    return n;
  }

  more(): boolean {
    return this.#chunk.length > 0 || this.#input.readableLength > 0;
  }

  /** Resolves once there may be more than before; rejects with the signal's reason. */
  async changed(signal: AbortSignal): Promise<void> {
    if (this.#error !== undefined) throw this.#error;
    if (this.#ended || this.more()) return;
    const stop = new AbortController();
    const either = AbortSignal.any([signal, stop.signal]);
    try {
      await Promise.race([
        once(this.#input, 'readable', { signal: either }),
        once(this.#input, 'end', { signal: either }),
      ]);
    } catch (thrown) {
      signal.throwIfAborted();
      throw thrown;
    } finally {
      stop.abort();
    }
  }

  close(): void {
    this.#input.removeListener('readable', ignore);
    this.#input.pause();
  }
}

function ignore(): void {}
