/** What a partial match waits for, by what it has taken. Pure, and the same for all keys. */
import type { Clause, ConditionCode, Contiguity, PatternShape, StepShape } from './shape.ts';
import { isNot } from './shape.ts';

/** One thing that a partial match may go on with. */
export interface Target {
  /** Number of the step; as many as there are steps for the end of the pattern. */
  readonly step: number;
  /** Another record of the step that the last one was taken for. */
  readonly inner: boolean;
  readonly contiguity: Contiguity;
  readonly clauses: readonly Clause[];
  readonly until: ConditionCode | undefined;
  readonly greedy: boolean;
  /** It is given up so many milliseconds after the last record; Infinity without limit. */
  readonly sincePrevious: number;
  /** The end of a pattern that says what must not come last: complete with the next record, or when the time is over. */
  readonly end: 'with-next' | 'with-time' | undefined;
}

/** Where a partial match stands. */
export interface Position {
  /** The order is that of precedence: what a greedy one takes, those behind it may not. */
  readonly targets: readonly Target[];
  /** Nothing more is needed: it is a match. */
  readonly complete: boolean;
  /** What must not come right after the last record. */
  readonly notNext: readonly (readonly Clause[])[];
  /** What must not come before the next record. */
  readonly notFollowedBy: readonly (readonly Clause[])[];
}

const NOTHING: readonly (readonly Clause[])[] = [];

/** The steps that take records, with what must not come after each. */
export class Automaton {
  readonly steps: readonly StepShape[];
  readonly within: number;
  /** What any record may begin with. */
  readonly start: Position;
  readonly #nots: readonly { readonly near: readonly StepShape[]; readonly far: readonly StepShape[] }[];
  readonly #positions: readonly (readonly Position[])[];

  constructor({ steps, within }: PatternShape) {
    this.steps = steps.filter((step) => !isNot(step));
    this.within = within ?? Number.POSITIVE_INFINITY;
    const nots: { near: StepShape[]; far: StepShape[] }[] = [];
    for (const step of steps) {
      if (!isNot(step)) nots.push({ near: [], far: [] });
      else nots.at(-1)?.[step.follows === 'notNext' ? 'near' : 'far'].push(step);
    }
    this.#nots = nots;
    this.start = this.#position(-1, false, true);
    this.#positions = this.steps.map((_, step) => [
      this.#position(step, true, false),
      this.#position(step, true, true),
      this.#position(step, false, true),
    ]);
  }

  /** Where a partial match stands whose last record was the `count`-th of a step. */
  at(step: number, count: number): Position {
    const { least, most } = this.steps[step]!;
    return this.#positions[step]![count < least ? 0 : count < most ? 1 : 2]!;
  }

  /** The count that matters: beyond the least of a loop without end, one is as another. */
  counted(step: number, count: number): number {
    const { least, most } = this.steps[step]!;
    return most === Number.POSITIVE_INFINITY ? Math.min(count, least) : count;
  }

  /** Whether no partial match outlives all limits of time. */
  endsInTime(): boolean {
    const limited = ({ sincePrevious }: Target): boolean => sincePrevious < Number.POSITIVE_INFINITY;
    return this.within < Number.POSITIVE_INFINITY || this.#reachable().every(({ targets }) => targets.every(limited));
  }

  #reachable(): readonly Position[] {
    return this.steps.flatMap(({ least, most }, step) => {
      const [below, between, last] = this.#positions[step] as [Position, Position, Position];
      const before = least > 1 ? [below] : [];
      return most === Number.POSITIVE_INFINITY
        ? [...before, between]
        : [...before, ...(most > least ? [between] : []), last];
    });
  }

  #position(step: number, goesOn: boolean, mayLeave: boolean): Position {
    const targets: Target[] = [];
    if (goesOn) targets.push(targetOf(this.steps[step]!, step, true));
    let ahead = step + 1;
    for (; mayLeave && ahead < this.steps.length; ahead++) {
      targets.push(targetOf(this.steps[ahead]!, ahead, false));
      if (!this.steps[ahead]!.optional) break;
    }
    const atEnd = mayLeave && ahead === this.steps.length;
    const { near, far } = this.#nots[step] ?? { near: [], far: [] };
    const ends = mayLeave && step === this.steps.length - 1 && near.length + far.length > 0;
    if (ends) targets.push(this.#end(far));
    const clausesOf = (nots: readonly StepShape[]) =>
      nots.length === 0 ? NOTHING : nots.map(({ clauses }) => clauses);
    return {
      targets,
      complete: atEnd && !ends,
      notNext: mayLeave ? clausesOf(near) : NOTHING,
      notFollowedBy: clausesOf(far),
    };
  }

  #end(far: readonly StepShape[]): Target {
    const spans = far.map(({ sincePrevious }) => sincePrevious ?? Number.POSITIVE_INFINITY);
    return {
      ...{ step: this.steps.length, inner: false, contiguity: 'relaxed', clauses: [], until: undefined, greedy: false },
      sincePrevious: Math.min(...spans),
      end: far.length > 0 ? 'with-time' : 'with-next',
    };
  }
}

function targetOf(shape: StepShape, step: number, inner: boolean): Target {
  const { clauses, until, greedy, sincePrevious = Number.POSITIVE_INFINITY } = shape;
  const contiguity = inner ? shape.inner : BETWEEN[shape.follows as keyof typeof BETWEEN];
  return { step, inner, contiguity, clauses, until, greedy, sincePrevious, end: undefined };
}

/** Any record may begin a match, whatever came before it. */
const BETWEEN = { begin: 'any', next: 'strict', followedBy: 'relaxed', followedByAny: 'any' } as const;
