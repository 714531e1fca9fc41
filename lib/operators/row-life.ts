import { MAX_TIME } from '../model/index.ts';
import { type Cell, type CellTable, NEVER } from '../state/index.ts';
import { shown } from './author-code.ts';
import type { Mistake } from './definition.ts';
import type { TaskTime } from './operator.ts';

/** What is wrong with a time to live. */
export function ttlMistakes(ttl: number | undefined, by: string | undefined): Mistake[] {
  const mistakes: Mistake[] = [];
  if (ttl !== undefined && !(Number.isSafeInteger(ttl) && ttl > 0)) {
    const fix = 'use seconds(...), minutes(...), hours(...) or days(...), or leave it out';
    mistakes.push({ rule: `its ttl is ${shown(ttl, ' ms')}`, fix });
  }
  if (by !== undefined && by !== 'event' && by !== 'processing') {
    mistakes.push({ rule: `its ttlBy is "${by}"`, fix: "say 'event' or 'processing'" });
  }
  return mistakes;
}

/** By what time rows are over that have this time to live: part of how an operator's state is laid out, as timers of one time mean nothing in another, and rows without one would stay for ever. */
export function lifeOf(ttl: number | undefined, by: 'event' | 'processing'): 'event' | 'processing' | 'none' {
  return ttl === undefined ? 'none' : by;
}

/** For how long rows of a table stay: then they are deleted, which is a change like any other. */
export class RowLife {
  /** The domain of the timers of cells that stand for rows. */
  readonly domain: 'event' | 'processing' | 'none';
  readonly #time: TaskTime;
  readonly #ttl: number | undefined;

  constructor(time: TaskTime, ttl: number | undefined, by: 'event' | 'processing' = 'event') {
    this.domain = lifeOf(ttl, by);
    this.#time = time;
    this.#ttl = ttl;
  }

  /** The row's span begins anew, at a record of this time; it never ends sooner than it did. */
  renew<V>(table: CellTable<V>, cell: Cell<V>, time: number): void {
    const until = this.until(cell.timer, time);
    if (until !== cell.timer) table.schedule(cell, until);
  }

  /** The timer of a row whose span begins anew, where it has this one. */
  until(timer: number, time: number): number {
    if (this.#ttl === undefined) return timer;
    const { watermark, processingTime } = this.#time;
    if (this.domain === 'event' && watermark === MAX_TIME) return timer;
    const from = this.domain === 'event' ? Math.max(time, watermark) : processingTime;
    const until = Math.min(from + this.#ttl, MAX_TIME);
    return timer === NEVER || until > timer ? until : timer;
  }

  /** Whether a row is over whose timer fires: at the end of all input what stands stays. */
  get ends(): boolean {
    return this.domain !== 'event' || this.#time.watermark !== MAX_TIME;
  }

  /** The event time of a deletion: by event time when the row ended, by processing time that of the row. */
  timeOf(timer: number, row: number): number {
    return this.domain === 'event' ? timer : row;
  }
}
