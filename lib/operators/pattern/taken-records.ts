/** What partial matches have taken, kept once however many share it. */
import type { KeyId } from '../../model/index.ts';
import type { CellTable } from '../../state/index.ts';
import type { OperatorContext } from '../operator.ts';

/** A record that is part of at least one partial match. */
interface Taken {
  readonly record: unknown;
  readonly time: number;
  /** By how many links it is held. */
  uses: number;
}

/** What a link's numbers are. */
const BEFORE = 0;
const RECORD = 1;
const STEP = 2;
const USES = 3;

/** No link: the beginning of a match. */
export const NO_LINK = -1;

export const LINKS = 'links';
export const RECORDS = 'records';

/**
 * The records that partial matches have taken: a chain of links from the last record back to the first, so that matches share what they have in common, as in the
 * shared buffer of SASE (Agrawal et al., "Efficient Pattern Matching over Event Streams", SIGMOD 2008), but with one link before each instead of versions. Links and
 * records count who holds them, and go with the last.
 */
export class TakenRecords {
  readonly #links: CellTable<number[]>;
  readonly #records: CellTable<Taken>;

  constructor(context: OperatorContext) {
    this.#links = context.table<number[]>(LINKS, { clone: (link) => link.slice(), numbers: true, domain: 'none' });
    this.#records = context.table<Taken>(RECORDS, { clone: (taken) => ({ ...taken }), domain: 'none' });
  }

  /** Keeps a record under a number. */
  keep(key: KeyId, number: number, record: unknown, time: number): void {
    this.#records.create(key, number, { record, time, uses: 0 });
  }

  /** Puts a record behind a link. Nobody holds the new link yet. */
  link(key: KeyId, link: number, before: number, record: number, step: number): void {
    this.#links.create(key, link, [before, record, step, 0]);
    if (before !== NO_LINK) this.hold(key, before);
    const taken = this.#records.find(key, record)!;
    this.#records.touch(taken);
    taken.value.uses++;
  }

  hold(key: KeyId, link: number): void {
    const cell = this.#links.find(key, link)!;
    this.#links.touch(cell);
    cell.value[USES]!++;
  }

  /** Holds a link no longer: what nobody holds any more goes. */
  release(key: KeyId, link: number): void {
    let next = link;
    while (next !== NO_LINK) {
      const cell = this.#links.find(key, next)!;
      this.#links.touch(cell);
      const { value } = cell;
      if (--value[USES]! > 0) return;
      this.#links.remove(cell);
      this.#unuse(key, value[RECORD]!);
      next = value[BEFORE]!;
    }
  }

  /** Calls back for the records of a chain, the last first. */
  each(key: KeyId, link: number, visit: (step: number, record: unknown, number: number, time: number) => void): void {
    for (let next = link; next !== NO_LINK; ) {
      const { value } = this.#links.find(key, next)!;
      const number = value[RECORD]!;
      const taken = this.#records.find(key, number)!.value;
      visit(value[STEP]!, taken.record, number, taken.time);
      next = value[BEFORE]!;
    }
  }

  #unuse(key: KeyId, number: number): void {
    const cell = this.#records.find(key, number)!;
    this.#records.touch(cell);
    if (--cell.value.uses === 0) this.#records.remove(cell);
  }
}
