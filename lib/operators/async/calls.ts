/** Calls to the outside ahead of a batch: how many at once, how long each, how often again, and the client that they go through. */
import { type Duration, MillraceError, seconds } from '../../model/index.ts';
import { callMistakes, optionalMistakes } from '../author-code.ts';
import type { Mistake } from '../definition.ts';
import type { AsyncHost } from '../operator.ts';

/** How calls to the outside are made. */
export interface CallOptions {
  /** Calls under way at once in a task, within a batch. Default: 10. */
  readonly capacity?: number;
  /** How long one call may take before it is given up; each retry has as long. Default: 30 seconds. */
  readonly timeout?: Duration;
  /** How often a failed call is tried again. Default: 0. */
  readonly retries?: number;
  /** Time before the first retry; doubles with each. Default: 100 milliseconds. By the host's clock, which in tests may stand still. */
  readonly retryDelay?: Duration;
  /** Whether trying again can help after this error; one that took too long is a `MillraceError`. Default: always. */
  readonly retryIf?: (error: unknown) => boolean;
}

/** A client that a task's calls go through, so that none is opened where the pipeline is only written down. */
export interface ClientOptions<C> {
  /** Called before a task's first call, and again if it failed: once for each task in a process. What it returns is the calls' `client`. */
  readonly open?: () => Promise<C> | C;
  /** Called when the task leaves the process or the run is closed, not if the process is killed. What it throws is logged. */
  readonly close?: (client: C) => Promise<void> | void;
}

/** The same as plain numbers. */
export interface CallLimits {
  readonly capacity: number;
  readonly timeout: number;
  readonly retries: number;
  readonly retryDelay: number;
}

/** The options with their defaults. */
export const limitsOf = ({ capacity, timeout, retries, retryDelay }: CallOptions): CallLimits => ({
  capacity: capacity ?? 10,
  timeout: timeout ?? seconds(30),
  retries: retries ?? 0,
  retryDelay: retryDelay ?? 100,
});

/** The author's functions in the options, for the fingerprint. */
export function functionsIn<C>({ retryIf, open, close }: CallOptions & ClientOptions<C>): readonly unknown[] {
  return [retryIf, open, close].filter((fn) => fn !== undefined);
}

/** What is wrong with the author's functions in the options. */
export function optionMistakes<C>({ retryIf, open, close }: CallOptions & ClientOptions<C>): Mistake[] {
  const given = Object.entries({ open, close }).filter(([, fn]) => fn !== undefined);
  return [...optionalMistakes('retryIf', retryIf), ...given.flatMap(([name, fn]) => callMistakes(name, fn))];
}

export function limitMistakes(limits: CallLimits): Mistake[] {
  return [
    ...wholeMistakes('capacity', limits.capacity, 1),
    ...wholeMistakes('timeout', limits.timeout, 1),
    ...wholeMistakes('retries', limits.retries, 0),
    ...wholeMistakes('retryDelay', limits.retryDelay, 0),
  ];
}

/** The mistake of an option that is no whole number, or below the least. */
export function wholeMistakes(name: string, value: number, least: number): Mistake[] {
  if (Number.isSafeInteger(value) && value >= least) return [];
  return [
    {
      rule: `${name} of an asynchronous operator must be a whole number of at least ${least}, not ${value}`,
      fix: `give another ${name}`,
    },
  ];
}

/** Does the work for each item, for at most `capacity` at once, in their order. Rejects as soon as one does. */
export async function inLanes<T>(
  items: readonly T[],
  capacity: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  let next = 0;
  const lanes = Array.from({ length: Math.min(capacity, items.length) }, async () => {
    while (next < items.length) await work(items[next++]!);
  });
  await Promise.all(lanes);
}

/**
 * What the call comes to, tried again as the limits say. Rejects with the last attempt's error, and with the signal's reason as soon as the host stops. The signal that
 * the call gets is aborted when it has run out of time, and when the host stops.
 */
export async function attempted<R>(
  call: (signal: AbortSignal) => Promise<R> | R,
  limits: CallLimits,
  { clock, stop, stopped }: AsyncHost,
  retryIf: (error: unknown) => boolean = () => true,
): Promise<R> {
  for (let attempt = 0; ; attempt++) {
    stop.throwIfAborted();
    const abort = new AbortController();
    const timer = new AbortController();
    const timeout = clock.sleep(limits.timeout as Duration, timer.signal).then(() => {
      throw tookTooLong(limits.timeout);
    });
    try {
      return await Promise.race([(async () => call(abort.signal))(), timeout, stopped]);
    } catch (error) {
      abort.abort();
      stop.throwIfAborted();
      if (attempt >= limits.retries || !retryIf(error)) throw error;
    } finally {
      timer.abort();
    }
    const pause = new AbortController();
    const span = (limits.retryDelay * 2 ** attempt) as Duration;
    await Promise.race([clock.sleep(span, pause.signal), stopped]).finally(() => pause.abort());
  }
}

function tookTooLong(timeout: number): MillraceError {
  return new MillraceError('operator-failed', `the call took longer than ${timeout} ms`, {
    hint: 'raise its timeout or lower its capacity',
  });
}

/** The client of one task, opened when it is first asked for. */
export class Client<C> {
  readonly #options: ClientOptions<C>;
  #opened: Promise<C> | undefined;

  constructor(options: ClientOptions<C>) {
    this.#options = options;
  }

  /** The client; undefined if there is none to open. Calls at the same time wait for the same one; after a failure the next opens anew. */
  async get(): Promise<C> {
    const { open } = this.#options;
    if (open === undefined) return undefined as C;
    if (this.#opened === undefined) {
      const opened = (async () => open())();
      opened.catch(() => {
        if (this.#opened === opened) this.#opened = undefined;
      });
      this.#opened = opened;
    }
    return this.#opened;
  }

  /** Closes it if it was opened; asked again, it opens another. */
  async close(): Promise<void> {
    const opened = this.#opened;
    this.#opened = undefined;
    const client = await opened?.then(
      (client) => ({ client }),
      () => undefined,
    );
    if (client !== undefined) await this.#options.close?.(client.client);
  }
}
