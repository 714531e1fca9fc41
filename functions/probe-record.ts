/** What the probe's function and `scripts/real-account.ts` say to one another: orders in records, and what was seen of calls. */

/** What a record, or a call, asks the function to do. */
export type ProbeOrder =
  /** Takes its time. */
  | { readonly kind: 'sleep'; readonly ms: number }
  /** Throws, at the first so many attempts. */
  | { readonly kind: 'fail'; readonly times: number }
  /** Runs into its time limit, at the first so many attempts. */
  | { readonly kind: 'time-out'; readonly times: number };

/** The value of a record of the probe, as JSON. */
export interface ProbeValue {
  readonly id: string;
  readonly order?: ProbeOrder;
}

/** What the function is called with, other than by an event source. */
export type ProbeEvent =
  /** By the schedule. */
  | { readonly probe: 'tick' }
  /** Reaches everything that a stage's function reaches, and answers how it went. */
  | { readonly probe: 'connect'; readonly clockTopic: string }
  /** Throws, whenever it is called. */
  | { readonly probe: 'fail'; readonly id: string }
  /** Calls itself, until it has been called `most` times. */
  | { readonly probe: 'chain'; readonly depth: number; readonly most: number }
  /** Only answers who it is. */
  | { readonly probe: 'who' };

/** Whether a field of an event is there, and holds anything. */
export type FieldForm = 'absent' | 'null' | 'empty' | 'text';

export interface SeenRecord {
  readonly partition: number;
  readonly offset: number;
  readonly timestamp: number;
  readonly key: FieldForm;
  readonly value: FieldForm;
  /** `absent`, `null`, or the headers as JSON, cut off after a while. */
  readonly headers: string;
  readonly id?: string;
}

/** A call, as it was when it began. */
export interface ProbeCall {
  readonly cause: 'delivery' | ProbeEvent['probe'];
  readonly request: string;
  readonly version: string;
  /** Of the deployment: what the stack was given as `generation`. */
  readonly generation: string;
  /** Of the process. */
  readonly instance: string;
  /** Calls of the process before this one. */
  readonly nth: number;
  /** By the function's clock. */
  readonly start: number;
  /** Milliseconds until its time limit. */
  readonly left: number;
  /** Milliseconds from the start of the process until its code was loaded. */
  readonly loaded: number;
  readonly records?: readonly SeenRecord[];
  readonly depth?: number;
  readonly id?: string;
}

/** How a call ended, where it came to an end. */
export interface ProbeEnd {
  readonly at: number;
  readonly outcome: 'done' | 'failed';
}

/** A sign of life from a call that runs into its time limit. */
export interface ProbeBeat {
  readonly at: number;
  /** Milliseconds until its time limit; below zero behind it. */
  readonly left: number;
}

/** One step on the way to everything that a stage's function reaches. */
export interface ProbeStep {
  readonly step: string;
  readonly ms: number;
  readonly error?: string;
  /** Milliseconds by which the function's clock is surely ahead of the broker's (behind: negative); 0 where they may agree. */
  readonly skew?: number;
}

/** Names of records in the probe's table: a call is `<start>/<instance>/<nth>`. */
export const probeNames = {
  call: 'call/',
  end: 'end/',
  beat: 'beat/',
  attempt: 'attempt/',
} as const;

/** Variables that only the probe's function has. */
export const probeVariables = { generation: 'PROBE_GENERATION' } as const;
