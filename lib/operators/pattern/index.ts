export type { MatchContext } from './match.ts';
export { matchOperator } from './match-operator.ts';
export type { MatchCode, MatchSpec } from './match-spec.ts';
export {
  begin,
  type ConditionContext,
  type Following,
  type Lists,
  type NotStep,
  type PartialMatch,
  type Pattern,
  type PatternGroup,
  type PatternStep,
  type Some,
} from './pattern.ts';
export type { Contiguity, Follows, PatternShape, StepShape } from './shape.ts';
export { noSkip, type SkipStrategy, skipPastLastEvent, skipToFirst, skipToLast, skipToNext } from './skip.ts';
