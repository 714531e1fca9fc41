/** What a partial match waits for, by what it has taken. Pure, and the same for all keys. */
import { bitOf } from './partial-matches.ts';
import { AT_END, type Place, placesOf, type Way } from './places.ts';
import type { Clause, ConditionCode, Contiguity, PatternShape, StepShape } from './shape.ts';

/** One thing that a partial match may go on with. */
export interface Target {
  /** Number of the step's place; as many as there are places for the end of the pattern. */
  readonly step: number;
  /** Another record of the step that the last one was taken for. */
  readonly inner: boolean;
  readonly contiguity: Contiguity;
  readonly clauses: readonly Clause[];
  readonly until: ConditionCode | undefined;
  /** The targets behind it, as bits, that do not get what it takes: those that follow a greedy step in its sequence. */
  readonly bars: number;
  /** It is given up so many milliseconds after the last record; Infinity without limit. */
  readonly sincePrevious: number;
  /** The end of a pattern that says what must not come last: complete with the next record, or when the time is over. */
  readonly end: 'with-next' | 'with-time' | undefined;
}

/** Where a partial match stands. */
export interface Position {
  /** The order is that of precedence. */
  readonly targets: readonly Target[];
  /** Nothing more is needed: it is a match. */
  readonly complete: boolean;
  /** What must not come right after the last record. */
  readonly notNext: readonly (readonly Clause[])[];
  /** What must not come before the next record. */
  readonly notFollowedBy: readonly (readonly Clause[])[];
}

const NOTHING: readonly (readonly Clause[])[] = [];

/** The places of the steps that take records, and what may come at each. */
export class Automaton {
  /** Of the steps that take records, in their order. */
  readonly names: readonly string[];
  readonly within: number;
  /** What any record may begin with. */
  readonly start: Position;
  readonly #places: readonly Place[];
  readonly #positions: readonly (readonly Position[])[];

  constructor(pattern: PatternShape) {
    const { names, places, begin } = placesOf(pattern);
    this.names = names;
    this.within = pattern.within ?? Number.POSITIVE_INFINITY;
    this.#places = places;
    this.start = this.#position(undefined, false, begin);
    this.#positions = places.map((place, i) => {
      const after = place.after();
      return [this.#position(i, true, []), this.#position(i, true, after), this.#position(i, false, after)];
    });
  }

  /** Where a partial match stands whose last record was the `count`-th of a step in its place. */
  at(place: number, count: number): Position {
    const { least, most } = this.#places[place]!.shape;
    return this.#positions[place]![count < least ? 0 : count < most ? 1 : 2]!;
  }

  /** The count that matters: beyond the least of a loop without end, one is as another. */
  counted(place: number, count: number): number {
    const { least, most } = this.#places[place]!.shape;
    return most === Number.POSITIVE_INFINITY ? Math.min(count, least) : count;
  }

  /** Under which of the names a place's records stand. */
  nameAt(place: number): number {
    return this.#places[place]!.name;
  }

  /** What a partial match may wait for at once, at the most. */
  get mostTargets(): number {
    return Math.max(...[this.start, ...this.#positions.flat()].map(({ targets }) => targets.length));
  }

  /** Whether no partial match outlives all limits of time. */
  endsInTime(): boolean {
    const limited = ({ sincePrevious }: Target): boolean => sincePrevious < Number.POSITIVE_INFINITY;
    return this.within < Number.POSITIVE_INFINITY || this.#reachable().every(({ targets }) => targets.every(limited));
  }

  #reachable(): readonly Position[] {
    return this.#places.flatMap(({ shape: { least, most } }, place) => {
      const [below, between, last] = this.#positions[place] as [Position, Position, Position];
      const before = least > 1 ? [below] : [];
      return most === Number.POSITIVE_INFINITY
        ? [...before, between]
        : [...before, ...(most > least ? [between] : []), last];
    });
  }

  /** The position behind a place, or at the beginning; `after`: none as long as the step must take more. */
  #position(place: number | undefined, goesOn: boolean, after: readonly Way[]): Position {
    const ways = after.filter((way) => way !== AT_END);
    const { near = [], far = [] } = place === undefined ? {} : this.#places[place]!;
    const ends = after.length === 1 && after[0] === AT_END && near.length + far.length > 0;
    const again = goesOn && place !== undefined ? [{ place, contiguity: this.#places[place]!.shape.inner }] : [];
    const steps = [...again, ...ways].map((way, i, all) => this.#target(way, i < again.length, this.#barred(all, i)));
    const clausesOf = (nots: readonly StepShape[]) =>
      nots.length === 0 ? NOTHING : nots.map(({ clauses }) => clauses);
    return {
      targets: ends ? [...steps, this.#end(far)] : steps,
      complete: ways.length < after.length && !ends,
      notNext: after.length > 0 ? clausesOf(near) : NOTHING,
      notFollowedBy: clausesOf(far),
    };
  }

  #target({ place, contiguity }: Way, inner: boolean, bars: number): Target {
    const { clauses, until, sincePrevious = Number.POSITIVE_INFINITY } = this.#places[place]!.shape;
    return { step: place, inner, contiguity, clauses, until, bars, sincePrevious, end: undefined };
  }

  /** What does not get a record that this way takes: what follows in its sequence, up to where another round goes through the same places. */
  #barred(ways: readonly Way[], at: number): number {
    const { place } = ways[at]!;
    const { shape, sequences } = this.#places[place]!;
    const own = sequences.at(-1)!;
    let bits = 0;
    for (let i = at + 1; shape.greedy && i < ways.length && ways[i]!.place > place; i++) {
      if (this.#places[ways[i]!.place]!.sequences.includes(own)) bits |= bitOf(i);
    }
    return bits;
  }

  #end(far: readonly StepShape[]): Target {
    const spans = far.map(({ sincePrevious }) => sincePrevious ?? Number.POSITIVE_INFINITY);
    return {
      ...{ step: this.#places.length, inner: false, contiguity: 'relaxed', clauses: [], until: undefined, bars: 0 },
      sincePrevious: Math.min(...spans),
      end: far.length > 0 ? 'with-time' : 'with-next',
    };
  }
}
