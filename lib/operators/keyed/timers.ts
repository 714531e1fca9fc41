import { type EventTime, type KeyId, keyIdOf, MillraceError, type WallTime } from '../../model/index.ts';
import type { CellTable } from '../../state/index.ts';
import type { OperatorContext } from '../operator.ts';
import type { Scope } from './scope.ts';

/** The timers of the key in force. */
export interface Timers {
  /**
   * Asks for `onTimer` when the watermark has reached `time`. One timer for each (key, time, name): setting it again changes nothing. Set at or before the
   * watermark, it fires when the watermark next advances.
   */
  onEventTime(time: EventTime, name?: string): void;
  /** Asks for `onProcessingTimer` when processing time has reached `time`; otherwise as `onEventTime`. */
  onProcessingTime(time: WallTime, name?: string): void;
  /** Takes back a timer of that time and name, if there is one. */
  cancelEventTime(time: EventTime, name?: string): void;
  cancelProcessingTime(time: WallTime, name?: string): void;
}

/** What happens when a timer fires. */
export type Fire = (key: KeyId, time: number, name: string | undefined) => void;

/** The timers of one domain: a cell each, whose value is the timer's name and whose sub is its time, paired with the name if it has one. */
class DomainTimers {
  readonly #table: CellTable<string>;
  readonly #scope: Scope;

  constructor(context: OperatorContext, domain: 'event' | 'processing', scope: Scope, fire: Fire) {
    this.#scope = scope;
    const table = context.table<string>(timerTable(domain), {
      clone: (name) => name,
      domain,
      onTimer(cell, time) {
        const { key, value } = cell;
        table.remove(cell);
        fire(key, time, value === '' ? undefined : value);
      },
    });
    this.#table = table;
  }

  set(time: number, name = ''): void {
    if (!Number.isSafeInteger(time)) throw badTimer(time);
    const sub = subOf(time, name);
    if (this.#table.find(this.#scope.key, sub) !== undefined) return;
    this.#table.schedule(this.#table.create(this.#scope.key, sub, name), time);
  }

  cancel(time: number, name = ''): void {
    const cell = this.#table.find(this.#scope.key, subOf(time, name));
    if (cell !== undefined) this.#table.remove(cell);
  }
}

const subOf = (time: number, name: string): KeyId => (name === '' ? time : keyIdOf([time, name]));

/** The name of the table that holds an operator's timers of a domain. */
export const timerTable = (domain: 'event' | 'processing'): string => `$${domain}-timers`;

/** Registers the tables of an operator's timers: of a domain only where there is something to call. */
export function openTimers(
  context: OperatorContext,
  scope: Scope,
  fire: { readonly event: Fire | undefined; readonly processing: Fire | undefined },
): Timers {
  const event = fire.event && new DomainTimers(context, 'event', scope, fire.event);
  const processing = fire.processing && new DomainTimers(context, 'processing', scope, fire.processing);
  return {
    onEventTime(time, name) {
      (event ?? missing('onTimer')).set(time, name);
    },
    onProcessingTime(time, name) {
      (processing ?? missing('onProcessingTimer')).set(time, name);
    },
    cancelEventTime(time, name) {
      event?.cancel(time, name);
    },
    cancelProcessingTime(time, name) {
      processing?.cancel(time, name);
    },
  };
}

function missing(handler: string): never {
  throw new MillraceError('operator-failed', `a timer was set by an operator without ${handler}`, {
    hint: `add ${handler}(time, ctx) to the operator`,
  });
}

function badTimer(time: number): MillraceError {
  return new MillraceError(
    'operator-failed',
    `a timer's time must be whole milliseconds since the epoch, not ${time}`,
    {
      hint: 'use after(time, minutes(...)) of a time that exists',
    },
  );
}
