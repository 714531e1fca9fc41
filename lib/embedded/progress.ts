import type { EmbeddedRun, Progress } from '../hosts/embedded/index.ts';
import { MAX_TIME, MIN_TIME } from '../model/index.ts';
import type { Task, TaskState } from '../runtime/index.ts';

/** Where a run stands, and how fast it goes. */
export interface RunProgress extends Progress {
  /** Since the run was opened. */
  readonly milliseconds: number;
  /** Rows read per second, since the report before. */
  readonly recordsPerSecond: number;
  /** Event time that all sources have reached, milliseconds since the epoch; undefined before it is known, and at the end. */
  readonly eventTime: number | undefined;
  /** Windows that have records and have not been cleared. */
  readonly openWindows: number;
}

/** What is known of one task. In the middle of a step it has no state to look at, and what was seen last stands. */
interface Seen {
  readonly watermark: number | undefined;
  readonly windows: number;
  readonly entries: number;
}

/** Makes reports of a run's progress, each against the one before. */
export class ProgressMeter {
  readonly #run: EmbeddedRun;
  readonly #started: number;
  readonly #seen = new Map<Task, Seen>();
  #time: number;
  #records = 0;

  /** `now`, here and below, in milliseconds. */
  constructor(run: EmbeddedRun, now: number) {
    this.#run = run;
    this.#started = now;
    this.#time = now;
  }

  report(now: number): RunProgress {
    const progress = this.#run.progress();
    const span = Math.max(1, now - this.#time);
    const recordsPerSecond = ((progress.records - this.#records) * 1_000) / span;
    this.#time = now;
    this.#records = progress.records;
    let eventTime: number | undefined;
    let openWindows = 0;
    let stateEntries = 0;
    for (const task of this.#run.open.tasks) {
      if (task.state !== undefined) this.#seen.set(task, look(task, task.state));
      const seen = this.#seen.get(task);
      if (seen === undefined) continue;
      openWindows += seen.windows;
      stateEntries += seen.entries;
      if (seen.watermark !== undefined) eventTime = Math.min(eventTime ?? MAX_TIME, seen.watermark);
    }
    return { ...progress, milliseconds: now - this.#started, recordsPerSecond, eventTime, openWindows, stateEntries };
  }
}

function look({ host }: Task, { store, sourceWatermark }: TaskState): Seen {
  let windows = 0;
  for (const table of store.tables) if (table.name.endsWith('/$windows')) windows += table.size;
  const known = host.source !== undefined && sourceWatermark > MIN_TIME && sourceWatermark < MAX_TIME;
  return { watermark: known ? sourceWatermark : undefined, windows, entries: store.size };
}
