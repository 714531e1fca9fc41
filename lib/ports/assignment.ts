/** What one worker has to do: items are named by text. */
export interface Share {
  /** Its own: tasks to work on, duties to carry out. */
  readonly own: ReadonlySet<string>;
  /** Others' tasks whose state it should keep a copy of, to take over quickly, as far as it has room. */
  readonly copies: ReadonlySet<string>;
}

/** A worker, as those see it who share the work out. */
export interface Assignee {
  /**
   * The worker's share from now on, all of it. Resolves once the worker has let go of what is no longer its own: no step of those is under way. Never rejects.
   * Calls queue up.
   */
  take(share: Share): Promise<void>;
  /** Items whose state the worker has in memory: better given to it than to others. */
  warm(): readonly string[];
}

/**
 * Shares out items among the workers of a run: tasks at a version of the code, and duties that one worker at a time should have. Each worker gets only what
 * it has offered to do.
 *
 * Guarantees needed: each item offered is sooner or later some living worker's, and not two workers' for long. It is no lock: two may have one item at the
 * same time, as long as one of them has not heard otherwise. That only one of them gets on is the commits' to see to.
 */
export interface Assignment {
  /** Begins to tell the assignee its share, now and whenever it changes. What fails is tried again until `leave`, and told to the telemetry. */
  join(assignee: Assignee): void;
  /** All items that this worker could work on. Said before `join`, and again when there are others. */
  offer(items: readonly string[]): void;
  /**
   * Whether those who share out still count on this worker, as far as it can know: false after a long sleep, until it has heard from them again. As long as
   * it is true nobody else has been given what is in the share, clocks running at the same rate.
   */
  isCurrent(): boolean;
  /** Gives the share back, so that others get it at once: to be called when the assignee works on nothing any more. It is told nothing afterwards. */
  leave(): Promise<void>;
}
