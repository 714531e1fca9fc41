/** A pattern as plain data and the author's conditions: what `begin(...)` and its methods write down, and what the plan says of it. */
import type { Json } from '../../model/index.ts';

/** What may lie between a record of a match and the next: nothing; what is no such record; anything. */
export type Contiguity = 'strict' | 'relaxed' | 'any';

/** How a step follows the one before. */
export type Follows = 'begin' | 'next' | 'followedBy' | 'followedByAny' | 'notNext' | 'notFollowedBy';

/** The author's code; whatever it returns counts as true or false. */
export type ConditionCode = (record: never, ctx: never) => unknown;

/** A condition, and how it goes together with those before it. */
export interface Clause {
  readonly join: 'and' | 'or';
  readonly condition: ConditionCode;
}

/** Methods of a step of which each may be said once, and of the first three only one. */
export type Saying = 'times' | 'timesOrMore' | 'oneOrMore' | 'until';

/** One step of a pattern. */
export interface StepShape {
  /** Empty where it is a group. */
  readonly name: string;
  readonly follows: Follows;
  /** It is a group: these steps, one behind the other, so many times as it takes. */
  readonly group?: readonly StepShape[];
  /** What its pattern said of time, which only the whole can. */
  readonly groupWithin?: number;
  /** None: any record. Otherwise from left to right, without precedence. */
  readonly clauses: readonly Clause[];
  /** How many records it takes at the least, where it takes any. */
  readonly least: number;
  /** How many it takes at the most; Infinity without limit. */
  readonly most: number;
  /** It may take none. */
  readonly optional: boolean;
  /** By which methods it was said how many it takes, and where they end: of two of a kind, one would be said in vain. */
  readonly said?: readonly Saying[];
  /** It takes every record that it can. */
  readonly greedy: boolean;
  /** Between its own records. */
  readonly inner: Contiguity;
  /** It takes no more when this holds for a record. */
  readonly until?: ConditionCode;
  /** Its records come less than so many milliseconds after the record of the match before them. */
  readonly sincePrevious?: number;
}

export interface PatternShape {
  readonly steps: readonly StepShape[];
  /** The last record of a match comes less than so many milliseconds after the first. */
  readonly within?: number;
}

/** Whether a step says what must not come. */
export const isNot = ({ follows }: Pick<StepShape, 'follows'>): boolean =>
  follows === 'notNext' || follows === 'notFollowedBy';

/** All steps, those of groups in the place of their group. */
export const stepsIn = (steps: readonly StepShape[]): readonly StepShape[] =>
  steps.flatMap((step) => (step.group === undefined ? [step] : stepsIn(step.group)));

/** The shape as data, conditions by their number. */
export function shapeAsJson({ steps, within }: PatternShape): Json {
  return {
    within: within ?? null,
    steps: steps.map(stepAsJson),
  };
}

function stepAsJson(step: StepShape): Json {
  const { follows, optional, inner } = step;
  const times = [step.least, step.most === Number.POSITIVE_INFINITY ? null : step.most];
  if (step.group !== undefined) return { group: step.group.map(stepAsJson), follows, times, optional, inner };
  return {
    name: step.name,
    follows,
    conditions: step.clauses.map(({ join }) => join),
    times,
    optional,
    greedy: step.greedy,
    inner,
    until: step.until !== undefined,
    sincePrevious: step.sincePrevious ?? null,
  };
}

/** The author's functions in a pattern. */
export function shapeFunctions({ steps }: PatternShape): readonly ConditionCode[] {
  return functionsIn(steps);
}

const functionsIn = (steps: readonly StepShape[]): readonly ConditionCode[] =>
  steps.flatMap((step) => [
    ...step.clauses.map(({ condition }) => condition),
    ...('until' in step ? [step.until] : []),
    ...functionsIn(step.group ?? []),
  ]);
