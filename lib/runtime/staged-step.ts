import type { StagedCommit, StepGroup } from '../ports/index.ts';
import { ByteWriter, type CommitHeader, encodeValue, sizeOfValue } from '../protocol/index.ts';
import { encodeCells, type KeyedStore, LAST_COMMIT, REMOVED } from '../state/index.ts';
import { joinBody, type Sheet } from './sheet.ts';

const NOTHING = new Uint8Array(0);
let scratch = new ByteWriter(1 << 16);
/** A scratch that has grown beyond is not kept. */
const MOST_SCRATCH = 1 << 24;

/**
 * A step of a task that waits to be written with others. Its cells are encoded when it is written, all that changed since the last time at once, unless
 * another step is just changing them: then before that one begins, or after it has ended.
 */
export class StagedStep implements StagedCommit {
  readonly header: CommitHeader;
  readonly #store: KeyedStore;
  readonly #sheet: Uint8Array;
  readonly #settled: (cells: Uint8Array, count: number) => void;
  #body: Uint8Array | undefined;
  #cells: Uint8Array = NOTHING;
  #count = 0;
  /** A later step is changing the cells. */
  #open = false;

  /** The sheet is encoded at once. `settled` hears the delta that was written and how many cells it has. */
  constructor(
    header: CommitHeader,
    sheet: Sheet,
    store: KeyedStore,
    settled: (cells: Uint8Array, count: number) => void,
  ) {
    this.header = header;
    this.#store = store;
    this.#sheet = encodeValue(sheet);
    this.#settled = settled;
  }

  body(): Uint8Array | undefined {
    if (this.#body === undefined && !this.#open) this.#encode();
    return this.#body;
  }

  /** The task's next step begins to change cells. */
  begin(group: StepGroup): void {
    if (group.due) this.body();
    this.#open = true;
  }

  /** The next step came to nothing: takes its changes back and makes the body. */
  end(group: StepGroup): void {
    if (this.#open) this.#store.rollback(LAST_COMMIT);
    this.#open = false;
    this.body();
    group.freed();
  }

  settled(): void {
    this.#store.gather();
    this.#settled(this.#cells, this.#count);
  }

  #encode(): void {
    const cells = this.#store.gathered();
    this.#count = cells.length;
    scratch.cut(0);
    if (cells.length > 0) encodeCells(scratch, this.#store.tables, cells);
    this.#body = joinBody(this.#sheet, scratch.bytes.subarray(0, scratch.length));
    this.#cells = this.#body.subarray(this.#body.length - scratch.length);
    if (scratch.capacity > MOST_SCRATCH) scratch = new ByteWriter(1 << 16);
  }
}

/** Throws, as `encodeCells` does, if the step has left a value that cannot be encoded. */
export function refuseUnfitCells(store: KeyedStore): void {
  const unsure = store.tables.some(({ options }) => options.numbers !== true);
  if (!unsure) return;
  for (const cell of store.changes()) {
    if (cell.value === REMOVED || cell.table.options.numbers === true) continue;
    if (sizeOfValue(cell.value) === Number.POSITIVE_INFINITY) encodeCells(new ByteWriter(256), store.tables, [cell]);
  }
}
