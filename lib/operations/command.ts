/** What can be asked of a deployed pipeline, and how it answers: `{ command: { name, ... } }`, the answer a `CommandAnswer`. */

import type { RowsQuery, RowsRead, StateEntry, StateQuery, StoredLetter, TaskView } from '../inspect/index.ts';
import type { ErrorWhere, Key, TaskId } from '../model/index.ts';

export type Command =
  | { readonly name: 'status' }
  | { readonly name: 'state'; readonly query: StateQuery }
  /** Rows of the table that an operator makes. */
  | { readonly name: 'rows'; readonly operator: string; readonly query: RowsQuery }
  /** `replayed`: also those that were. */
  | { readonly name: 'dead-letters'; readonly replayed?: boolean }
  /** All that can be, if no ids are given. */
  | { readonly name: 'replay'; readonly ids?: readonly string[] }
  | { readonly name: 'pause' }
  /** Lifts a pause, and sets tasks going that have stopped: those named, or all. */
  | { readonly name: 'resume'; readonly tasks?: readonly string[] }
  | { readonly name: 'drain' };

export interface CommandEvent {
  readonly command: Command;
  /** Another version of the controller has passed it on. */
  readonly passedOn?: boolean;
}

/** `answer`: as `dataToJson` writes it, so that bigints and infinities arrive. */
export type CommandAnswer =
  | { readonly kind: 'answer'; readonly answer: string }
  | { readonly kind: 'error'; readonly error: ErrorData };

export interface ErrorData {
  readonly kind: string;
  readonly message: string;
  readonly hint?: string;
  readonly where?: ErrorWhere;
}

/** What is answered to each command. */
export interface Answers {
  readonly status: StatusAnswer;
  readonly state: ListAnswer<StateEntry>;
  /** As many of the rows that were asked for as an answer of Lambda's holds. */
  readonly rows: RowsRead<Key, unknown>;
  readonly 'dead-letters': ListAnswer<StoredLetter>;
  readonly replay: {
    readonly replayed: number;
    readonly left: readonly { readonly id: string; readonly why: string }[];
  };
  /** `since`: milliseconds since the epoch. */
  readonly pause: { readonly asked: 'requested' | 'exists' };
  readonly resume: { readonly lifted: boolean; readonly tasks: readonly string[] };
  readonly drain: { readonly asked: 'requested' | 'exists' };
}

/** Where a task is on its way. */
export interface SwitchStep {
  readonly task: TaskId;
  readonly from: number;
  readonly to: number;
  /**
   * `barrier`: older code works up to the barrier in its log. `hold`: a source's task stands still until `until`. `hand-over`: older code is to be told that newer
   * code goes on at `at`. `finish`: it has been told, and works up to there. `stopped`: older code has stopped for an error; newer code goes on if that may be
   * mended. `stuck`: no function is known that has the older code.
   */
  readonly kind: 'barrier' | 'hold' | 'hand-over' | 'finish' | 'stopped' | 'stuck';
  readonly at?: number;
  readonly until?: number;
}

/** As much of a list as an answer of Lambda's holds. */
export interface ListAnswer<T> {
  readonly items: readonly T[];
  /** How many there are, where not all of them are told. */
  readonly of?: number;
}

export interface StatusAnswer {
  readonly pipeline: string;
  /** Undefined: there is none yet. */
  readonly run?: string;
  readonly createdAt?: number;
  /**
   * `pausing`: something is still in flight. `draining`: sources have ended or are about to, and what is behind them goes on. `over`: all is done. `unavailable`:
   * see `error`.
   */
  readonly state: 'running' | 'pausing' | 'paused' | 'draining' | 'over' | 'unavailable';
  /** Undefined where they could not be counted. */
  readonly deadLetters?: number;
  readonly tasks: readonly TaskView[];
  /** How many times the run's code has changed, and which tasks have not come to it. */
  readonly code: { readonly version: number; readonly switching: readonly SwitchStep[] };
  /** Tasks that must not go on, for what the controller has found. */
  readonly stops: readonly { readonly task: string; readonly reason: string; readonly message: string }[];
  /** Why the run cannot be opened, or the code that was deployed cannot go on with it. */
  readonly error?: ErrorData;
}
