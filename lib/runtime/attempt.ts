/**
 * What happens when the author's code throws. A batch is first applied at full speed, with one way back: to its beginning. If something throws, the batch is
 * undone and applied again with a way back to before each record and timer, so that one bad record costs itself and not the batch.
 */
import { type ErrorDetails, type ErrorWhere, MillraceError, messageOf, type TaskId } from '../model/index.ts';
import type { Failure, TaskStatus } from '../protocol/index.ts';

/** A record or timer that was given up for good. */
export interface GivenUp {
  readonly how: 'dead-letter' | 'skip';
  readonly cause: number;
  readonly unit: number;
  readonly operator: string;
  /** The edge on which the record came; undefined for a source's row and for a timer. */
  readonly edge: string | undefined;
  readonly value: unknown;
  readonly time: number;
  readonly key: unknown;
  readonly attempts: number;
  readonly failure: Failure;
}

/** Ends the attempt at a message: the batch is cut before it. */
export class AttemptOver extends Error {
  readonly offset: number;
  /** What the commit of everything before says of the task. */
  readonly status: TaskStatus;
  constructor(offset: number, status: TaskStatus) {
    super(`the batch ends before offset ${offset}`);
    this.offset = offset;
    this.status = status;
  }
}

/** A sink refused a whole batch: nothing of the step counts. */
export class SinkFailure extends Error {
  readonly sink: string;
  /** What the sink threw. */
  readonly thrown: unknown;
  constructor(sink: string, thrown: unknown) {
    super(messageOf(thrown));
    this.sink = sink;
    this.thrown = thrown;
  }
}

/** A frame presumes one that was never seen. */
export class FrameGap extends MillraceError {
  constructor(message: string, details: ErrorDetails) {
    super('data-lost', message, details);
  }
}

/** Whether an error is the author's or the data's, so that trying the same again elsewhere would meet it too. */
export function isAuthorError(thrown: unknown): boolean {
  return !(thrown instanceof MillraceError) || thrown.fault === 'author' || thrown.fault === 'data';
}

/** The error as data, cut to what a commit should carry. */
export function failureOf(thrown: unknown, operator: string, at: number): Failure {
  const known = thrown instanceof MillraceError ? thrown : undefined;
  const thrownByAuthor = known?.kind === 'operator-failed' ? known.cause : thrown;
  const stack =
    thrownByAuthor instanceof Error && !(thrownByAuthor instanceof MillraceError) ? thrownByAuthor.stack : undefined;
  const hint = known?.hint;
  const where = known === undefined ? undefined : placeOf(known.where);
  return {
    kind: known?.kind ?? 'operator-failed',
    message: messageOf(thrown).slice(0, 2_000),
    operator: known?.where.operator ?? known?.where.source ?? operator,
    ...(where === undefined ? {} : { where }),
    ...(hint === undefined ? {} : { hint }),
    ...(stack === undefined ? {} : { stack: stack.slice(0, 4_000) }),
    at,
  };
}

function placeOf({ source, sink, offset, file, topic }: ErrorWhere): Failure['where'] {
  const named = Object.entries({ source, sink, offset, file, topic }).filter(([, value]) => value !== undefined);
  return named.length === 0 ? undefined : Object.fromEntries(named);
}

/** The error that a stopped task's commit tells of. */
export function errorOf(status: Extract<TaskStatus, { kind: 'stopped' }>, task: TaskId): MillraceError {
  const { failure } = status;
  const { operator, where = {} } = failure;
  const isOperator = operator !== undefined && operator !== where.source && operator !== where.sink;
  return new MillraceError(
    (failure.kind === 'operator-failed' || status.reason === 'failed'
      ? failure.kind
      : status.reason === 'gap' || status.reason === 'lost'
        ? 'data-lost'
        : status.reason) as MillraceError['kind'],
    failure.message,
    {
      where: { ...task, ...where, ...(isOperator ? { operator } : {}) },
      ...(failure.hint === undefined ? {} : { hint: failure.hint }),
      ...(failure.stack === undefined ? {} : { cause: failure.stack }),
    },
  );
}
