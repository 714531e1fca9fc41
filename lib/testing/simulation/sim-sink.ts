/**
 * Simulated sinks, of three kinds. `named`: a batch is stored beside the others of its task, and becomes visible by the commit that names it; so whatever attempts
 * and zombies store, the newest commit decides what was written. `file` and `outside` are for lives in which one process at a time works: see `StoredFile`, which
 * goes back, and `StoredShow`, which does not.
 */
import { MillraceError } from '../../model/index.ts';
import type { SinkBatch, SinkConnector } from '../../ports/index.ts';
import type { SimProcess } from './sim-process.ts';
import { StoredFile } from './stored-file.ts';
import { StoredShow } from './stored-show.ts';
import { type SunkRecord, sunkRecords } from './sunk-record.ts';

export type SimSinkKind = 'named' | 'file' | 'outside';

interface Node {
  readonly before: number | undefined;
  readonly records: readonly SunkRecord[];
}

export class StoredSink {
  readonly #violate: (invariant: string, message: string) => void;
  readonly #nodes: Node[] = [];
  readonly #places = new Map<number, StoredFile | StoredShow>();

  constructor(violate: (invariant: string, message: string) => void) {
    this.#violate = violate;
  }

  add(before: number | undefined, task: number, batch: SinkBatch): number {
    this.#nodes.push({ before, records: sunkRecords(task, batch) });
    return this.#nodes.length - 1;
  }

  /** Where one task of a sink that is not `named` writes. */
  place(task: number, kind: 'file' | 'outside'): StoredFile | StoredShow {
    let place = this.#places.get(task);
    if (place === undefined) {
      place = kind === 'file' ? new StoredFile(task, this.#violate) : new StoredShow(task, this.#violate);
      this.#places.set(task, place);
    }
    return place;
  }

  /** What is visible of a task by a commit that remembers this. */
  visible(task: number, state: number | undefined): readonly SunkRecord[] {
    const place = this.#places.get(task);
    if (place !== undefined) return place.visible(state);
    const batches: (readonly SunkRecord[])[] = [];
    for (let at = state; at !== undefined; at = this.#nodes[at]!.before) batches.push(this.#nodes[at]!.records);
    return batches.reverse().flat();
  }
}

export function simSink<T>(kind: SimSinkKind = 'named'): SinkConnector<T> {
  return {
    kind: 'simulated',
    options: kind === 'named' ? {} : { kind },
    guarantee: 'exactly-once',
    single: false,
    upserts: true,
    goesBack: kind !== 'outside',
    open: () => Promise.reject(new MillraceError('internal', 'a simulated sink is opened by its simulation')),
  };
}

/** The sink as one process writes it; a connector that is not simulated is taken for one that is `named`. */
export function simSinkConnector(
  id: string,
  stored: StoredSink,
  process: SimProcess,
  { kind, options }: Pick<SinkConnector<unknown>, 'kind' | 'options'>,
): Pick<SinkConnector<unknown>, 'open'> {
  const asked = kind === 'simulated' ? (options as { readonly kind?: 'file' | 'outside' }).kind : undefined;
  return {
    open: async ({ task }, state) => {
      if (!process.alive) return new Promise(() => {});
      let head = state === undefined ? undefined : (state as number);
      if (asked !== undefined) return stored.place(task, asked).open(`sink ${id}/${task}`, head ?? 0, process);
      return {
        write: async (batch) => {
          head = await process.write(`write sink ${id}/${task}`, () => stored.add(head, task, batch));
          return head;
        },
        finish: async () => {},
        close: async () => {},
      };
    },
  };
}
