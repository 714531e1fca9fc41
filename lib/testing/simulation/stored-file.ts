/** A simulated file of one task of a sink: it holds what was written to it, and is cut to the length that a writer is opened with. */
import type { SinkBatch, SinkWriter } from '../../ports/index.ts';
import type { SimProcess } from './sim-process.ts';
import { type SunkRecord, sunkRecords } from './sunk-record.ts';

const INVARIANT = '12 what a sink holds is what the commits say';

export class StoredFile {
  readonly #task: number;
  readonly #violate: (invariant: string, message: string) => void;
  readonly #records: SunkRecord[] = [];
  /** No writer may be opened with less. */
  #kept = 0;

  constructor(task: number, violate: (invariant: string, message: string) => void) {
    this.#task = task;
    this.#violate = violate;
  }

  /** What is visible by a commit that remembers this length. */
  visible(length = 0): readonly SunkRecord[] {
    this.#check(length);
    return this.#records.slice(0, length);
  }

  open(name: string, length: number, process: SimProcess): SinkWriter {
    this.#check(length);
    this.#records.length = Math.min(length, this.#records.length);
    const add = (records: readonly SunkRecord[]) =>
      process.local(`write ${name}`, () => this.#records.push(...records));
    return {
      write: async (batch: SinkBatch) => {
        const records = sunkRecords(this.#task, batch);
        const part = process.random.below(records.length + 1);
        await add(records.slice(0, part));
        return add(records.slice(part));
      },
      committed: (state) => {
        if (process.alive) this.#kept = Math.max(this.#kept, state as number);
      },
      finish: async () => {},
      close: async () => {},
    };
  }

  #check(length: number): void {
    if (length < this.#kept)
      this.#violate(INVARIANT, `a file was said to be kept to ${this.#kept}, and goes back to ${length}`);
    if (length > this.#records.length)
      this.#violate(INVARIANT, `a file has ${this.#records.length} records of ${length} that were committed`);
  }
}
