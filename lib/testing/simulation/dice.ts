/**
 * What goes wrong, and when. A fault is a function of the seed, of the place where it may happen and of how often that place was come to: leaving one fault out
 * does not move the others, so that a failing run can be made smaller.
 */

/** Shares of calls, deliveries or moments at which each fault happens; 0 to 1. */
export interface FaultRates {
  /** A process ends in the middle of a call to a port. */
  readonly crash: number;
  /** A call takes up to 30 seconds, while others go on. */
  readonly pause: number;
  /** A call fails without effect. */
  readonly fail: number;
  /** A call takes effect and is reported as failed. */
  readonly lost: number;
  /** A write is reported as failed and takes effect seconds later. */
  readonly late: number;
  /** A query of a task's slots sees them at different times. */
  readonly torn: number;
  /** Messages are never delivered. */
  readonly skip: number;
  /** Messages are delivered again, from an earlier offset. */
  readonly rewind: number;
  /** Messages are delivered to two processes at once. */
  readonly twice: number;
  /** A second controller works beside the first. */
  readonly secondController: number;
  /** Garbage is collected at a controller's round. */
  readonly garbage: number;
}

export type FaultKind = keyof FaultRates;

export const noFaults: FaultRates = {
  crash: 0,
  pause: 0,
  fail: 0,
  lost: 0,
  late: 0,
  torn: 0,
  skip: 0,
  rewind: 0,
  twice: 0,
  secondController: 0,
  garbage: 0,
};

export class Dice {
  /** Faults that happened, in order. */
  readonly thrown: string[] = [];
  /** After this nothing goes wrong any more. */
  calm = false;
  readonly #seed: number;
  readonly #rates: FaultRates;
  readonly #spared: ReadonlySet<string>;
  readonly #visits = new Map<string, number>();

  /** `spared` names faults, as `thrown` has them, that do not happen. */
  constructor(seed: number, rates: FaultRates, spared: ReadonlySet<string> = new Set()) {
    this.#seed = mix(seed | 0);
    this.#rates = rates;
    this.#spared = spared;
  }

  /** Which of these faults happens at the place now, if any. */
  fault(place: string, kinds: readonly FaultKind[]): FaultKind | undefined {
    if (this.calm) return undefined;
    const visit = this.#visits.get(place) ?? 0;
    this.#visits.set(place, visit + 1);
    let draw = (mix(mix(this.#seed ^ hash(place)) ^ visit) >>> 0) / 0x1_0000_0000;
    for (const kind of kinds) {
      const rate = this.#rates[kind];
      if (draw < rate) {
        const name = `${kind} at ${place}${visit === 0 ? '' : ` (${visit + 1})`}`;
        if (this.#spared.has(name)) return undefined;
        this.thrown.push(name);
        return kind;
      }
      draw -= rate;
    }
    return undefined;
  }
}

const hashes = new Map<string, number>();

function hash(text: string): number {
  const known = hashes.get(text);
  if (known !== undefined) return known;
  let value = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
  if (hashes.size > 10_000) hashes.clear();
  hashes.set(text, value);
  return value;
}

/** Splitmix32's finaliser. */
function mix(h: number): number {
  let x = (h + 0x9e3779b9) | 0;
  x = Math.imul(x ^ (x >>> 16), 0x21f0aaad);
  x = Math.imul(x ^ (x >>> 15), 0x735a2d97);
  return x ^ (x >>> 15);
}
