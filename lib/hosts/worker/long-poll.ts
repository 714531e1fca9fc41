/**
 * One reader for all who wait for something to read: asks for all their places in one request, which is answered when something is there.
 *
 * Several requests may be under way, so that who comes while others wait need not wait for them. Once there are a few, those who come gather for a moment
 * and go together.
 *
 * 1. A place is asked for as long as its seat wants it; a seat that holds something found wants nothing more. So at most one batch waits in each seat, and
 *    a task that falls behind is not read for.
 * 2. What was found for a place that the seat no longer wants is thrown away.
 * 3. Where asking fails, everybody who asked is woken to look for himself: he finds out what concerns him alone.
 */
import { type Duration, messageOf } from '../../model/index.ts';
import type { Clock, Random, Telemetry } from '../../ports/index.ts';
import { Backoff } from './backoff.ts';
import { Wake } from './wake.ts';

/** Looks at several places; for each what was found there, undefined where nothing was. Answers once something is found, or after the patience. */
export type Poll<Place, Found> = (
  places: readonly Place[],
  patience: Duration,
  signal: AbortSignal,
) => Promise<readonly (Found | undefined)[]>;

/** Where one waits. */
export class Seat<Place, Found> {
  readonly #changed: () => void;
  readonly #wake = new Wake();
  #wanted: Place | undefined;
  #found: Found | undefined;

  /** `changed` is called when it wants something. */
  constructor(changed: () => void) {
    this.#changed = changed;
  }

  get wanted(): Place | undefined {
    return this.#wanted;
  }

  /** Asks for a place, instead of whatever was asked for before. */
  want(place: Place): void {
    this.#found = undefined;
    this.#wanted = place;
    this.#changed();
  }

  wantNothing(): void {
    this.#found = undefined;
    this.#wanted = undefined;
  }

  /** What is there and has not been taken. */
  get found(): Found | undefined {
    return this.#found;
  }

  take(): Found | undefined {
    const found = this.#found;
    this.#found = undefined;
    return found;
  }

  put(found: Found): void {
    this.#wanted = undefined;
    this.#found = found;
    this.#wake.call();
  }

  /** Ends a wait. */
  call(): void {
    this.#wake.call();
  }

  /** Resolves when something was found or it was called, at most after `span` if that is given. */
  async wait(clock: Clock, span: Duration | undefined): Promise<void> {
    if (this.#found !== undefined) return;
    if (span === undefined) await this.#wake.wait();
    else await this.#wake.within(clock, span);
  }
}

export interface LongPollDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly telemetry: Telemetry;
  /** How long one request waits for something: how long those wait who come while it is under way. */
  readonly patience: Duration;
  /** What is asked, for log lines. */
  readonly name: string;
}

/** Under way at once. */
const REQUESTS = 8;
/** While so many are under way, those who come gather first. */
const FEW = 2;
const GATHER = 3 as Duration;

export class LongPoll<Place, Found> {
  readonly #poll: Poll<Place, Found>;
  readonly #deps: LongPollDeps;
  readonly #seats = new Set<Seat<Place, Found>>();
  /** Those whose place is in a request under way. */
  readonly #asking = new Set<Seat<Place, Found>>();
  readonly #requests = new Set<Promise<void>>();
  readonly #wake = new Wake();
  readonly #backoff: Backoff;

  constructor(poll: Poll<Place, Found>, deps: LongPollDeps) {
    this.#poll = poll;
    this.#deps = deps;
    this.#backoff = new Backoff(deps.random, { first: 50 as Duration, most: 5_000 as Duration });
  }

  sit(): Seat<Place, Found> {
    const seat = new Seat<Place, Found>(() => this.#wake.call());
    this.#seats.add(seat);
    return seat;
  }

  leave(seat: Seat<Place, Found>): void {
    this.#seats.delete(seat);
    seat.wantNothing();
  }

  /** Asks until the signal is aborted. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    signal.addEventListener('abort', () => this.#wake.call(), { once: true });
    while (!signal.aborted) {
      if (this.#wanting().length === 0 || this.#requests.size >= REQUESTS) {
        await this.#wake.wait();
        continue;
      }
      if (this.#requests.size >= FEW) await this.#deps.clock.sleep(GATHER, signal).catch(() => {});
      const seats = this.#wanting();
      if (seats.length === 0) continue;
      for (const seat of seats) this.#asking.add(seat);
      const request = this.#ask(seats, signal).finally(() => {
        for (const seat of seats) this.#asking.delete(seat);
        this.#requests.delete(request);
        this.#wake.call();
      });
      this.#requests.add(request);
    }
    await Promise.all(this.#requests);
  }

  /** Those who want something that nobody has asked for. */
  #wanting(): readonly Seat<Place, Found>[] {
    return [...this.#seats].filter((seat) => seat.wanted !== undefined && !this.#asking.has(seat));
  }

  async #ask(seats: readonly Seat<Place, Found>[], signal: AbortSignal): Promise<void> {
    const { clock, telemetry, patience, name } = this.#deps;
    const places = seats.map(({ wanted }) => wanted as Place);
    try {
      const answers = await this.#poll(places, patience, signal);
      this.#backoff.succeeded();
      for (const [i, seat] of seats.entries()) {
        const found = answers[i];
        if (found !== undefined && seat.wanted === places[i]) seat.put(found);
      }
    } catch (error) {
      if (signal.aborted) return;
      telemetry.log('warn', `waiting for ${name} failed: ${messageOf(error)}`);
      for (const seat of seats) seat.call();
      await clock.sleep(this.#backoff.next(), signal).catch(() => {});
    }
  }
}
