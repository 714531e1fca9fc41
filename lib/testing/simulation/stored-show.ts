/**
 * A simulated destination outside, of one task of a sink: a batch is shown at once and as a whole, and what is shown stays. A writer begins behind what its
 * state says and passes over what is shown already, which must be the same record for record: else what was shown is of a history that is no longer true. A new writer
 * shuts out those before it.
 */
import { MillraceError } from '../../model/index.ts';
import type { SinkWriter } from '../../ports/index.ts';
import { dataToJson } from '../../protocol/index.ts';
import type { SimProcess } from './sim-process.ts';
import { type SunkRecord, sunkRecords } from './sunk-record.ts';

const INVARIANT = '12 what is shown for good stays true';

export class StoredShow {
  readonly #task: number;
  readonly #violate: (invariant: string, message: string) => void;
  readonly #records: SunkRecord[] = [];
  #writers = 0;

  constructor(task: number, violate: (invariant: string, message: string) => void) {
    this.#task = task;
    this.#violate = violate;
  }

  /** All that was shown, which the newest commit must know. */
  visible(count = 0): readonly SunkRecord[] {
    if (count !== this.#records.length)
      this.#violate(INVARIANT, `${this.#records.length} records are shown, and the commit knows ${count}`);
    return this.#records;
  }

  open(name: string, count: number, process: SimProcess): SinkWriter {
    const writer = ++this.#writers;
    let at = count;
    if (at > this.#records.length)
      this.#violate(INVARIANT, `${this.#records.length} records are shown of ${at} that were committed`);
    return {
      write: async (batch) => {
        const records = sunkRecords(this.#task, batch);
        at = await process.write(`write ${name}`, () => {
          if (writer !== this.#writers) throw new MillraceError('unavailable', `another writer has opened ${name}`);
          return this.#show(name, at, records);
        });
        return at;
      },
      finish: async () => {},
      close: async () => {},
    };
  }

  #show(name: string, from: number, records: readonly SunkRecord[]): number {
    records.forEach((record, i) => {
      const shown = this.#records[from + i];
      if (shown === undefined) this.#records.push(record);
      else if (dataToJson(shown) !== dataToJson(record))
        this.#violate(
          INVARIANT,
          `${name} has shown ${dataToJson(shown)}, and is brought ${dataToJson(record)} in its place`,
        );
    });
    return from + records.length;
  }
}
