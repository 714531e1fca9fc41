import type { LogMessage } from '../../ports/index.ts';

export interface TailCacheLimits {
  /** Most messages kept. */
  readonly messages: number;
  /** Most bytes kept, counted as the messages' encoded size. */
  readonly bytes: number;
}

/** One message kept; `message` is undefined once it has been let go before its turn. */
interface Kept {
  readonly partition: number;
  readonly offset: number;
  bytes: number;
  message: LogMessage | undefined;
}

/**
 * The messages appended last, as objects, over all partitions: the oldest leave first, so what is kept of a partition is always a
 * stretch up to its end.
 */
export class TailCache {
  readonly #limits: TailCacheLimits;
  /** In order of appending; those before `#head` have left. */
  #queue: (Kept | undefined)[] = [];
  #head = 0;
  #bytes = 0;
  readonly #partitions = new Map<number, Map<number, Kept>>();

  constructor(limits: TailCacheLimits) {
    this.#limits = limits;
  }

  /** Bytes kept now, as their encoded size. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Keeps a message that was appended to a partition, `bytes` long when encoded. */
  add(partition: number, message: LogMessage, bytes: number): void {
    const kept: Kept = { partition, offset: message.offset, bytes, message };
    let messages = this.#partitions.get(partition);
    if (messages === undefined) {
      messages = new Map();
      this.#partitions.set(partition, messages);
    }
    messages.set(message.offset, kept);
    this.#queue.push(kept);
    this.#bytes += bytes;
    while (this.#bytes > this.#limits.bytes || this.#queue.length - this.#head > this.#limits.messages)
      this.#dropOldest();
  }

  /** The message and its encoded size, if it is kept. */
  get(
    partition: number,
    offset: number,
  ): { readonly message: LogMessage | undefined; readonly bytes: number } | undefined {
    return this.#partitions.get(partition)?.get(offset);
  }

  /** Lets go of a partition's messages below `before`. */
  trim(partition: number, before: number): void {
    for (const [offset, kept] of this.#partitions.get(partition) ?? []) {
      if (offset >= before) return;
      this.#drop(kept);
    }
  }

  clear(): void {
    this.#queue = [];
    this.#head = 0;
    this.#bytes = 0;
    this.#partitions.clear();
  }

  #dropOldest(): void {
    this.#drop(this.#queue[this.#head]!);
    this.#queue[this.#head++] = undefined;
    if (this.#head > 1024 && this.#head * 2 > this.#queue.length) {
      this.#queue = this.#queue.slice(this.#head);
      this.#head = 0;
    }
  }

  #drop(kept: Kept): void {
    if (kept.message === undefined) return;
    this.#partitions.get(kept.partition)?.delete(kept.offset);
    this.#bytes -= kept.bytes;
    kept.bytes = 0;
    kept.message = undefined;
  }
}
