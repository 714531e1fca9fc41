/** The simulated bucket. Every method happens at once. */
export class StoredBlobs {
  /** Called with the name of every blob before it is deleted. */
  onDelete: (name: string) => void = () => {};
  readonly #blobs = new Map<string, Uint8Array>();

  put(name: string, bytes: Uint8Array): void {
    this.#blobs.set(name, bytes);
  }

  create(name: string, bytes: Uint8Array): 'created' | 'exists' {
    if (this.#blobs.has(name)) return 'exists';
    this.#blobs.set(name, bytes);
    return 'created';
  }

  get(name: string): Uint8Array | undefined {
    return this.#blobs.get(name);
  }

  list(prefix: string): string[] {
    return [...this.#blobs.keys()].filter((name) => name.startsWith(prefix)).sort();
  }

  delete(names: readonly string[]): void {
    for (const name of names) {
      if (!this.#blobs.has(name)) continue;
      this.onDelete(name);
      this.#blobs.delete(name);
    }
  }
}
