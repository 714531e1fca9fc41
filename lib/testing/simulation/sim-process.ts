/**
 * One process of the simulation: a function instance or a worker, with its own clock, its own memory and calls that can go wrong. A process that has crashed
 * is one whose promises never resolve again; what it had sent may still arrive.
 */
import type { SeededRandom } from '../../adapters/simulated/index.ts';
import { type Duration, MillraceError, type WallTime } from '../../model/index.ts';
import type { Clock } from '../../ports/index.ts';
import type { Dice, FaultKind } from './dice.ts';
import type { Schedule } from './schedule.ts';

export interface ProcessDeps {
  readonly schedule: Schedule;
  readonly dice: Dice;
  readonly random: SeededRandom;
  readonly tell: (who: string, what: string) => void;
}

const READ_FAULTS: readonly FaultKind[] = ['crash', 'pause', 'fail'];
const WRITE_FAULTS: readonly FaultKind[] = ['crash', 'pause', 'fail', 'lost', 'late'];

/** How long a call that is paused takes at most. */
const PAUSE = 30_000;
const LATE = 8_000;
/** How far two halves of a query may lie apart. */
const TORN = 500;

export class SimProcess {
  readonly name: string;
  alive = true;
  readonly random: SeededRandom;
  readonly clock: Clock;
  /** How far its clock is ahead of true time; jumps now and then, within the deviation. */
  skew: number;
  /** Called once, when it crashes. */
  onCrash: () => void = () => {};
  readonly #deps: ProcessDeps;
  #calls = 0;

  constructor(name: string, deviation: number, deps: ProcessDeps) {
    this.name = name;
    const drawn = (): number => (deviation === 0 ? 0 : deps.random.below(2 * deviation + 1) - deviation);
    this.skew = drawn();
    this.#deps = deps;
    this.random = deps.random;
    this.clock = {
      now: () => {
        if (deviation > 0 && deps.random.next() < 0.02) this.skew = drawn();
        return (deps.schedule.now + this.skew) as WallTime;
      },
      sleep: (span, signal) => this.#sleep(span, signal),
    };
  }

  crash(why: string): void {
    if (!this.alive) return;
    this.alive = false;
    this.#deps.tell(this.name, `crashes ${why}`);
    this.onCrash();
  }

  /** A call that changes nothing. */
  read<T>(what: string, effect: () => T): Promise<T> {
    return this.#call(what, READ_FAULTS, effect, () => {});
  }

  /** A call that changes something. `part` is what may be done of it when it fails. */
  write<T>(what: string, effect: () => T, part: () => void = () => {}): Promise<T> {
    return this.#call(what, WRITE_FAULTS, effect, part);
  }

  /** A call that changes what the process has for itself: it happens as a whole or not at all, and not once the process has ended. */
  local<T>(what: string, effect: () => T | Promise<T>): Promise<T> {
    const alive = (): T | Promise<T> => {
      const result = this.alive ? effect() : new Promise<T>(() => {});
      // What it throws may be heard later, or by nobody.
      if (result instanceof Promise) result.catch(() => {});
      return result;
    };
    return this.#call<T | Promise<T>>(what, READ_FAULTS, alive, () => {}) as Promise<T>;
  }

  /** What goes wrong with something that happens within one call, if anything. */
  mishap(what: string): FaultKind | undefined {
    const { dice, tell } = this.#deps;
    if (!this.alive) return undefined;
    const fault = dice.fault(`${this.name} ${what}`, ['crash', 'fail']);
    if (fault !== undefined) tell(this.name, `${what}: ${fault}`);
    return fault;
  }

  /** A read at two moments, which a query of several items may be. */
  async torn<T>(what: string, first: () => T, second: (first: T) => T): Promise<T> {
    const { dice, random, schedule } = this.#deps;
    const found = await this.read(what, first);
    if (dice.fault(`${this.name} ${what} halves`, ['torn']) === undefined) return found;
    await new Promise<void>((resolve) => schedule.after(random.below(TORN), resolve));
    return this.read(`${what} (second half)`, () => second(found));
  }

  #call<T>(what: string, faults: readonly FaultKind[], effect: () => T, part: () => void): Promise<T> {
    const { schedule, dice, random, tell } = this.#deps;
    if (!this.alive) return new Promise(() => {});
    if (dice.calm) return settled(effect);
    const call = ++this.#calls;
    const fault = dice.fault(`${this.name} ${what}`, faults);
    if (fault !== undefined) tell(this.name, `#${call} ${what}: ${fault}`);
    return new Promise((resolve, reject) => {
      const answer = (after: number, give: () => void): void => {
        schedule.after(after, () => {
          if (this.alive) give();
        });
      };
      const act = (): boolean => {
        try {
          const result = effect();
          answer(back, () => resolve(result));
          return true;
        } catch (error) {
          answer(back, () => reject(error));
          return false;
        }
      };
      const refuse = (): void =>
        reject(new MillraceError('unavailable', `simulated failure of ${what} of ${this.name}`));
      let there = random.below(12);
      let back = random.below(8);
      const first = random.next() < 0.5;
      switch (fault) {
        case 'crash':
          schedule.after(there, () => {
            if (!first) attempt(effect);
            this.crash(`${first ? 'before' : 'after'} ${what}`);
          });
          return;
        case 'pause':
          if (first) there += random.below(PAUSE);
          else back += random.below(PAUSE);
          break;
        case 'fail':
          if (!first) schedule.after(there, part);
          answer(there + back, refuse);
          return;
        case 'lost':
          schedule.after(there, () => attempt(effect));
          answer(there + back, refuse);
          return;
        case 'late':
          schedule.after(there + random.below(LATE), () => {
            tell(this.name, `#${call} ${what} lands late`);
            attempt(effect);
          });
          answer(there + back, refuse);
          return;
      }
      schedule.after(there, act);
    });
  }

  #sleep(span: Duration, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const abort = (): void => reject(signal?.reason);
      signal?.addEventListener('abort', abort, { once: true });
      this.#deps.schedule.after(Math.max(0, span), () => {
        signal?.removeEventListener('abort', abort);
        if (this.alive) resolve();
      });
    });
  }
}

async function settled<T>(effect: () => T): Promise<T> {
  return effect();
}

function attempt(effect: () => unknown): void {
  try {
    effect();
  } catch {
    // Nobody hears of it: the caller was told of another failure.
  }
}
