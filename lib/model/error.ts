/**
 * The one error of millrace. Messages are lower case, the fact first, the values last; `hint` says what a person can do.
 */

/** What went wrong. Each kind has one meaning and one remedy; see docs/guides/failures.md. */
export type ErrorKind =
  | 'invalid-pipeline' // the pipeline as authored cannot run
  | 'bad-record' // an input does not fit: undecodable, invalid, no usable event time, too large
  | 'operator-failed' // the author's code threw
  | 'incompatible' // data written by another version, format or pipeline
  | 'data-lost' // the log, a blob or an input is shorter or other than what was promised
  | 'state-lost' // a run is known but its commits are gone
  | 'unavailable' // a log, store or file cannot be reached or refused
  | 'internal'; // a defect of millrace

/** Whose it is to mend. */
export type Fault = 'author' | 'data' | 'dependency' | 'internal';

/** Where it went wrong, as far as known. */
export interface ErrorWhere {
  readonly pipeline?: string;
  readonly stage?: string;
  readonly operator?: string;
  readonly source?: string;
  readonly sink?: string;
  readonly topic?: string;
  readonly partition?: number;
  readonly offset?: number;
  readonly file?: string;
}

export interface ErrorDetails {
  readonly where?: ErrorWhere;
  readonly hint?: string;
  readonly cause?: unknown;
  /** Whether the same attempt may succeed later. Default: only for `unavailable`. */
  readonly retry?: boolean;
}

const faults: Readonly<Record<ErrorKind, Fault>> = {
  'invalid-pipeline': 'author',
  'bad-record': 'data',
  'operator-failed': 'author',
  incompatible: 'author',
  'data-lost': 'dependency',
  'state-lost': 'dependency',
  unavailable: 'dependency',
  internal: 'internal',
};

/** Every error that millrace throws. */
export class MillraceError extends Error {
  override readonly name = 'MillraceError';
  readonly kind: ErrorKind;
  readonly fault: Fault;
  readonly retry: boolean;
  readonly where: ErrorWhere;
  readonly hint: string | undefined;

  constructor(kind: ErrorKind, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.kind = kind;
    this.fault = faults[kind];
    this.retry = details.retry ?? kind === 'unavailable';
    this.where = details.where ?? {};
    this.hint = details.hint;
  }

  /** The same error, said to have happened at `where` too; what is known already stays. */
  at(where: ErrorWhere): MillraceError {
    return new MillraceError(this.kind, this.message, {
      where: { ...where, ...this.where },
      retry: this.retry,
      ...(this.hint === undefined ? {} : { hint: this.hint }),
      ...(this.cause === undefined ? {} : { cause: this.cause }),
    });
  }
}

/** What was thrown, as a short text: an error's message, anything else as a string. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message || thrown.name : String(thrown);
}
