/**
 * A simulated sink that is transactional by state: a batch is stored beside the others of its task, and becomes visible by the commit that names it. So
 * whatever attempts and zombies store, the newest commit decides what was written.
 */
import { MillraceError } from '../../model/index.ts';
import type { SinkBatch, SinkConnector } from '../../ports/index.ts';
import type { SimProcess } from './sim-process.ts';

/** A record as it reached a sink. */
export interface SunkRecord {
  readonly value: unknown;
  readonly time: number;
  readonly task: number;
  readonly cause: number;
}

interface Node {
  readonly before: number | undefined;
  readonly records: readonly SunkRecord[];
}

export class StoredSink {
  readonly #nodes: Node[] = [];

  add(before: number | undefined, task: number, { values, times, causes }: SinkBatch): number {
    const records = values.map((value, i) => ({ value, time: times[i]!, task, cause: causes[i]! }));
    this.#nodes.push({ before, records });
    return this.#nodes.length - 1;
  }

  /** What is visible by a commit that names this batch. */
  visible(last: number | undefined): SunkRecord[] {
    const batches: (readonly SunkRecord[])[] = [];
    for (let at = last; at !== undefined; at = this.#nodes[at]!.before) batches.push(this.#nodes[at]!.records);
    return batches.reverse().flat();
  }
}

export function simSink<T>(): SinkConnector<T> {
  return {
    kind: 'simulated',
    options: {},
    guarantee: 'exactly-once',
    single: false,
    open: () => Promise.reject(new MillraceError('internal', 'a simulated sink is opened by its simulation')),
  };
}

/** The sink as one process writes it. */
export function simSinkConnector(
  id: string,
  stored: StoredSink,
  process: SimProcess,
): Pick<SinkConnector<unknown>, 'open'> {
  return {
    open: async ({ task }, state) => {
      let head = state === undefined ? undefined : (state as number);
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
