/** What an author may get wrong in a pattern. */
import { functionMistakes } from '../author-code.ts';
import type { Mistake } from '../definition.ts';
import { LONGEST } from '../window/index.ts';
import { Automaton } from './automaton.ts';
import { isNot, type PatternShape, type StepShape, shapeFunctions } from './shape.ts';

/** What a partial match waits for is kept as a number. */
const MOST_STEPS = 28;

/** The faults of a pattern; `waitForever`: partial matches may be kept without limit of time. */
export function patternMistakes(shape: PatternShape, waitForever: boolean): Mistake[] {
  const { steps } = shape;
  const functions = shapeFunctions(shape);
  const mistakes = [
    ...steps.flatMap(stepMistakes),
    ...spanMistakes('the time within which a pattern matches', shape, 'within'),
    ...functions.flatMap((condition) => functionMistakes('a condition', condition)),
  ];
  const say = (rule: string, fix: string): void => void mistakes.push({ rule, fix });
  for (const [i, { name }] of steps.entries()) {
    if (steps.findIndex((step) => step.name === name) < i) {
      say(`two steps of the pattern are called "${name}"`, 'call one of them otherwise');
    }
  }
  if (steps.length > MOST_STEPS) {
    say(`the pattern has ${steps.length} steps, and at most ${MOST_STEPS} are possible`, 'use times(...) or split it');
  }
  if (steps.every((step) => isNot(step) || step.optional)) {
    say('all steps of the pattern are optional, so that it needs no record at all', 'leave optional() out of one');
  }
  mistakes.push(...orderMistakes(steps, shape.within));
  if (mistakes.length > 0 || waitForever || new Automaton(shape).endsInTime()) return mistakes;
  say(
    'a partial match can wait for ever for its next record, and be kept as long',
    'say within(minutes(5)) on the pattern, or waitForever: true in the options of match',
  );
  return mistakes;
}

/** What does not go together in one step. */
function stepMistakes(step: StepShape): Mistake[] {
  const { name, least, most, greedy, inner, until, optional } = step;
  const mistakes = spanMistakes(`the time from the record before "${name}"`, step, 'sincePrevious');
  const say = (rule: string, fix: string): void => void mistakes.push({ rule, fix });
  const counts = Number.isSafeInteger(least) && least >= 1 && most >= least;
  if (!counts || !(Number.isSafeInteger(most) || most === Number.POSITIVE_INFINITY)) {
    say(`step "${name}" takes ${least} to ${most} records`, 'give whole numbers, the smaller one first');
  } else if (most === 1) {
    const loops = 'make it a loop by times(...) or oneOrMore(), or leave it out';
    if (inner !== 'relaxed') say(`step "${name}" says what lies between its records, but takes only one`, loops);
    if (until !== undefined) say(`step "${name}" has an end by until(...), but takes only one record`, loops);
    if (greedy && !optional) say(`step "${name}" is greedy, but always takes one record`, loops);
    if (step.follows === 'begin' && step.sincePrevious !== undefined) {
      say(`step "${name}" has no record before it`, 'say withinPrevious(...) of the steps behind it');
    }
  }
  const { said = [] } = step;
  const numbers = said.filter((method) => method !== 'until');
  if (isNot(step) && (said.length > 0 || optional || greedy)) {
    say(
      `"${name}" must not come, so that it takes no number of records`,
      `leave ${said[0] ?? 'optional or greedy'} out`,
    );
  } else if (numbers.length > 1) {
    say(`step "${name}" says twice how many records it takes: ${numbers.join(' and ')}`, 'say one of them');
  }
  if (said.length - numbers.length > 1) {
    say(`step "${name}" has two ends by until(...)`, 'say one: until((record) => one(record) || other(record))');
  }
  if (typeof name !== 'string' || name === '') say('a step of the pattern has no name', 'give it one');
  return mistakes;
}

/** What does not go together in the order of steps. */
function orderMistakes(steps: readonly StepShape[], within: number | undefined): Mistake[] {
  const mistakes: Mistake[] = [];
  const say = (rule: string, fix: string): void => void mistakes.push({ rule, fix });
  for (const [i, step] of steps.entries()) {
    const { name } = step;
    if (step.greedy) {
      const after = steps.slice(i + 1).find((next) => !isNot(next));
      if (after === undefined || after.optional) {
        const fix = 'let a step follow that always takes a record, or leave greedy() out';
        say(`step "${name}" is greedy, and nothing behind it says when to stop`, fix);
      }
    }
    if (!isNot(step)) continue;
    const before = steps.slice(0, i).findLast((previous) => !isNot(previous));
    if (before?.optional === true) {
      say(`"${name}" must not come after "${before.name}", which is optional`, 'put it behind a step that is not');
    }
    const isLast = i === steps.length - 1 && step.follows === 'notFollowedBy';
    if (step.sincePrevious !== undefined && !isLast) {
      say(`"${name}" must not come, so that it has no time before it`, 'say withinPrevious(...) of the step behind it');
    }
  }
  const atEnd = steps.slice(steps.findLastIndex((step) => !isNot(step)) + 1);
  const awaited = atEnd.find(({ follows }) => follows === 'notFollowedBy');
  if (awaited !== undefined && within === undefined && atEnd.at(-1)!.sincePrevious === undefined) {
    say(`the pattern ends with notFollowedBy("${awaited.name}"), and never ends`, 'say within(minutes(5)) on it');
  }
  return mistakes;
}

/** `name`: where a span stands, if one was given. */
function spanMistakes<N extends string>(what: string, of: { readonly [K in N]?: number }, name: N): Mistake[] {
  const span = of[name] as number;
  if (!(name in of) || (Number.isSafeInteger(span) && span > 0 && span <= LONGEST)) return [];
  return [{ rule: `${what} must be positive, not ${span} ms`, fix: 'use minutes(5) or another duration' }];
}
