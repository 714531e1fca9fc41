import { DEAD_LETTERS } from '../plan/index.ts';
import { encodeValue } from '../protocol/index.ts';
import type { GivenUp } from './attempt.ts';
import type { TaskHost } from './task-host.ts';

/** A record that was given up, with where, why and after how many attempts. */
export interface DeadLetter {
  readonly pipeline: string;
  readonly stage: string;
  readonly partition: number;
  readonly operator: string;
  /** Offset of the message in the task's log, and ordinal of the record or timer in it: together with stage and partition its identity. */
  readonly offset: number;
  readonly unit: number;
  /** The edge on which it came: where a replay puts it. Undefined for a source's row; a timer cannot be replayed. */
  readonly edge: string | undefined;
  readonly kind: 'record' | 'row' | 'timer';
  readonly attempts: number;
  readonly error: {
    readonly kind: string;
    readonly message: string;
    readonly stack: string | undefined;
    readonly hint: string | undefined;
  };
  readonly at: number;
  readonly eventTime: number;
  readonly key: unknown;
  /** The record as it came to the stage, or an undecodable row's text. */
  readonly value: unknown;
  /** Set where the record is too large for the log, or cannot be encoded: `value` is the beginning of its text, and it cannot be replayed. */
  readonly cut?: boolean;
}

/** Room for a message's header and a letter's other fields. */
const LETTER_BYTES = 1_024;

/** The letter, without its stack and with its record cut if need be, so that a message of `limit` bytes holds it. */
export function fittingLetter(letter: DeadLetter, limit: number): DeadLetter {
  if (sizeOf(letter) <= limit) return letter;
  const short = {
    ...letter,
    error: { ...letter.error, message: letter.error.message.slice(0, 200), stack: undefined, hint: undefined },
  };
  if (sizeOf(short) <= limit) return short;
  const room = Math.max(0, Math.floor((limit - LETTER_BYTES) / 4));
  return { ...short, key: undefined, cut: true, value: textOf(letter.value).slice(0, room) };
}

/** Bytes of a message of this letter alone; infinite if its record cannot be encoded. */
function sizeOf(letter: DeadLetter): number {
  try {
    return encodeValue(letter).length + 256;
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

function textOf(value: unknown): string {
  try {
    return typeof value === 'string' ? value : (JSON.stringify(value) ?? String(value));
  } catch {
    return String(value);
  }
}

export function deadLetterOf(host: TaskHost, letter: GivenUp): DeadLetter {
  const { failure } = letter;
  return {
    pipeline: host.plan.pipeline,
    stage: host.task.stage,
    partition: host.task.partition,
    operator: letter.operator,
    offset: letter.cause,
    unit: letter.unit,
    edge: letter.edge,
    kind: letter.edge !== undefined ? 'record' : host.source === undefined ? 'timer' : 'row',
    attempts: letter.attempts,
    error: { kind: failure.kind, message: failure.message, stack: failure.stack, hint: failure.hint },
    at: failure.at,
    eventTime: letter.time,
    key: letter.key,
    value: letter.value,
  };
}

/** Topic of a pipeline's dead letters. */
export const deadLetterTopic = (pipeline: string): string => `${pipeline}.${DEAD_LETTERS}`;
