import type { BlobStore } from '../../ports/index.ts';

/** Blobs in this process's memory; bytes are copied in and out. */
export class MemoryBlobStore implements BlobStore {
  readonly #blobs = new Map<string, Uint8Array>();

  async put(name: string, bytes: Uint8Array): Promise<void> {
    this.#blobs.set(name, bytes.slice());
  }

  async create(name: string, bytes: Uint8Array): Promise<'created' | 'exists'> {
    if (this.#blobs.has(name)) return 'exists';
    this.#blobs.set(name, bytes.slice());
    return 'created';
  }

  async get(name: string): Promise<Uint8Array | undefined> {
    return this.#blobs.get(name)?.slice();
  }

  async getRange(name: string, start: number, end: number): Promise<Uint8Array | undefined> {
    return this.#blobs.get(name)?.slice(start, Math.max(start, end));
  }

  async list(prefix: string): Promise<readonly string[]> {
    return [...this.#blobs.keys()].filter((name) => name.startsWith(prefix)).sort();
  }

  async delete(names: readonly string[]): Promise<void> {
    for (const name of names) this.#blobs.delete(name);
  }
}
