/** The steps of a pattern in their places, groups written out: each round of one that is counted has places of its own, one without end goes through those of its last round again. */
import { type Contiguity, isNot, type PatternShape, type StepShape, stepsIn } from './shape.ts';

/** A step that takes records, in its place. */
export interface Place {
  readonly shape: StepShape;
  /** Its name's number. */
  readonly name: number;
  /** The sequences that it is part of, the outermost first: the pattern, and rounds of groups. */
  readonly sequences: readonly number[];
  /** What must not come right after it, and not before the next record. */
  readonly near: readonly StepShape[];
  readonly far: readonly StepShape[];
  /** What may come when the step has taken enough, in the order of precedence. */
  after(): readonly Way[];
}

/** A place that may take the next record, and what may lie before that. */
export interface Way {
  readonly place: number;
  readonly contiguity: Contiguity;
}

/** In place of a way: nothing more is needed. */
export const AT_END: Way = { place: -1, contiguity: 'any' };

export interface Places {
  /** Of the steps that take records. */
  readonly names: readonly string[];
  readonly places: readonly Place[];
  /** What may come first. */
  readonly begin: readonly Way[];
}

/** The places of a pattern without mistakes. */
export function placesOf({ steps }: PatternShape): Places {
  const writing = new Writing(leavesOf(steps).map(({ name }) => name));
  const begin = writing.sequence(steps, [], () => [AT_END]);
  return { names: writing.names, places: writing.places, begin: begin('any') };
}

/** The steps that take records. */
export const leavesOf = (steps: readonly StepShape[]): readonly StepShape[] =>
  stepsIn(steps).filter((step) => !isNot(step));

/** How many places a pattern has. */
export function placesIn(steps: readonly StepShape[]): number {
  return steps.reduce((sum, step) => {
    if (isNot(step)) return sum;
    return sum + (step.group === undefined ? 1 : roundsOf(step) * placesIn(step.group));
  }, 0);
}

const roundsOf = ({ least, most }: StepShape): number => (most === Number.POSITIVE_INFINITY ? least : most);

/** Any record may begin a match, whatever came before it. */
const BETWEEN = { begin: 'any', next: 'strict', followedBy: 'relaxed', followedByAny: 'any' } as const;

type Ways = () => readonly Way[];
/** What may come first of something, where that may lie before it. */
type Entry = (contiguity: Contiguity) => readonly Way[];

/** A step that takes records, and what must not come after it. */
interface Taking {
  readonly step: StepShape;
  readonly near: StepShape[];
  readonly far: StepShape[];
}

class Writing {
  readonly places: Place[] = [];
  readonly names: readonly string[];
  #sequences = 0;

  constructor(names: readonly string[]) {
    this.names = names;
  }

  /** Writes steps one behind the other. What follows is asked for only when all is written. */
  sequence(steps: readonly StepShape[], outer: readonly number[], then: Ways): Entry {
    const sequences = [...outer, this.#sequences++];
    const takings = takingsIn(steps);
    const entries: Entry[] = [];
    for (const [i, taking] of takings.entries()) {
      const next = takings[i + 1];
      const rest: Ways =
        next === undefined ? then : () => entries[i + 1]!(BETWEEN[next.step.follows as keyof typeof BETWEEN]);
      const own =
        taking.step.group === undefined
          ? this.#place(taking, sequences, rest)
          : this.#rounds(taking, taking.step.group, sequences, rest);
      entries.push(taking.step.optional ? (contiguity) => [...own(contiguity), ...rest()] : own);
    }
    return entries[0]!;
  }

  #place({ step, near, far }: Taking, sequences: readonly number[], after: Ways): Entry {
    const place = this.places.length;
    this.places.push({ shape: step, name: this.names.indexOf(step.name), sequences, near, far, after });
    return (contiguity) => [{ place, contiguity }];
  }

  /** The rounds of a group; behind the last one, if there is no end, the same again. What must not come after the group must not after each round that may be the last. */
  #rounds(taking: Taking, group: readonly StepShape[], sequences: readonly number[], rest: Ways): Entry {
    const { step, near, far } = taking;
    const rounds = roundsOf(step);
    const entries: Entry[] = [];
    for (let round = 1; round <= rounds; round++) {
      const next = round < rounds ? round : step.most === Number.POSITIVE_INFINITY ? round - 1 : undefined;
      const again: Ways = () => (next === undefined ? [] : entries[next]!(step.inner));
      const after: Ways = () => (round < step.least ? again() : [...again(), ...rest()]);
      entries.push(this.sequence(round < step.least ? group : [...group, ...near, ...far], sequences, after));
    }
    return entries[0]!;
  }
}

function takingsIn(steps: readonly StepShape[]): readonly Taking[] {
  const takings: Taking[] = [];
  for (const step of steps) {
    if (!isNot(step)) takings.push({ step, near: [], far: [] });
    else takings.at(-1)?.[step.follows === 'notNext' ? 'near' : 'far'].push(step);
  }
  return takings;
}
