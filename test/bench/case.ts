/** What a benchmark is: the same work done twice, or something measured on its own. */

/** Where a side of a comparison works. */
export interface Bench {
  readonly records: number;
  /** An empty folder that is removed afterwards. */
  readonly dir: string;
}

/** What a side says it did, so that both can be held against each other. */
export interface Done {
  readonly records: number;
  /** Records that came out. */
  readonly out: number;
}

/** The engine beside a plain loop that does the same work to the same sink without any guarantee. */
export interface Comparison {
  readonly kind: 'comparison';
  readonly name: string;
  /** Records unless said otherwise. Default: three million. */
  readonly records?: number;
  /** Least ratio of the engine's records per second to the plain loop's. */
  readonly target: number;
  /** Makes the input. Not measured. Throws `ServiceMissing` where this machine lacks something. */
  prepare(records: number): Promise<unknown>;
  millrace(bench: Bench): Promise<Done>;
  plain(bench: Bench): Promise<Done>;
}

/** One number that was measured, beside what is wanted of it. */
export interface Figure {
  readonly what: string;
  readonly value: number;
  readonly unit: string;
  readonly target?: string;
  readonly met?: boolean;
}

export interface Measurement {
  readonly kind: 'measurement';
  readonly name: string;
  /** Records or keys it uses unless said otherwise. */
  readonly records: number;
  /** As of a comparison. */
  prepare?(records: number): Promise<unknown>;
  run(bench: Bench): Promise<readonly Figure[]>;
}

export type Case = Comparison | Measurement;
