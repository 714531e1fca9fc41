import type { EmbeddedRun, Progress } from '../hosts/embedded/index.ts';

/** Where a run stands, and how fast it goes. */
export interface RunProgress extends Progress {
  /** Since the run was opened. */
  readonly milliseconds: number;
  /** Rows read per second, since the report before. */
  readonly recordsPerSecond: number;
  /** Windows that have records and have not been cleared. */
  readonly openWindows: number;
}

/** Makes reports of a run's progress, each against the one before. */
export class ProgressMeter {
  readonly #run: EmbeddedRun;
  readonly #started: number;
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
    return { ...progress, milliseconds: now - this.#started, recordsPerSecond, openWindows: this.#openWindows() };
  }

  #openWindows(): number {
    let windows = 0;
    for (const { state } of this.#run.open.tasks) {
      for (const table of state?.store.tables ?? []) if (table.name.endsWith('/$windows')) windows += table.size;
    }
    return windows;
  }
}
