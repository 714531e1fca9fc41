/** What an author may get wrong in a pattern. */
import { functionMistakes } from '../author-code.ts';
import type { Mistake } from '../definition.ts';
import { LONGEST } from '../window/index.ts';
import { Automaton } from './automaton.ts';
import { placesIn } from './places.ts';
import { isNot, type PatternShape, type StepShape, shapeFunctions, stepsIn } from './shape.ts';

/** What a partial match waits for is kept as a number. */
const MOST_STEPS = 28;
/** Steps with those of groups for each round. */
const MOST_PLACES = 2_000;

/** The faults of a pattern; `waitForever`: partial matches may be kept without limit of time. */
export function patternMistakes(shape: PatternShape, waitForever: boolean): Mistake[] {
  const { steps } = shape;
  const all = stepsIn(steps);
  const functions = shapeFunctions(shape);
  const mistakes = [
    ...steps.flatMap((step, i) => stepMistakes(step, i === 0)),
    ...spanMistakes('the time within which a pattern matches', shape, 'within'),
    ...functions.flatMap((condition) => functionMistakes('a condition', condition)),
  ];
  const say = (rule: string, fix: string): void => void mistakes.push({ rule, fix });
  for (const [i, { name }] of all.entries()) {
    if (all.findIndex((step) => step.name === name) < i) {
      say(`two steps of the pattern are called "${name}"`, 'call one of them otherwise');
    }
  }
  if (all.length > MOST_STEPS) {
    say(`the pattern has ${all.length} steps, and at most ${MOST_STEPS} are possible`, 'use times(...) or split it');
  }
  if (steps.every((step) => isNot(step) || step.optional)) {
    say('all steps of the pattern are optional, so that it needs no record at all', 'leave optional() out of one');
  }
  mistakes.push(...orderMistakes(steps, shape.within, false));
  if (mistakes.length > 0) return mistakes;
  const places = placesIn(steps);
  if (places > MOST_PLACES) {
    say(`its groups come to ${places} steps, and at most ${MOST_PLACES} are possible`, 'use timesOrMore(...)');
    return mistakes;
  }
  const automaton = new Automaton(shape);
  if (automaton.mostTargets > MOST_STEPS) {
    say(`it may wait for ${automaton.mostTargets} steps at once, and at most ${MOST_STEPS} are possible`, 'split it');
  }
  if (waitForever || automaton.endsInTime()) return mistakes;
  say(
    'a partial match can wait for ever for its next record, and be kept as long',
    'say within(minutes(5)) on the pattern, or waitForever: true in the options of match',
  );
  return mistakes;
}

/** What does not go together in a group. */
function groupMistakes(step: StepShape, group: readonly StepShape[], first: boolean): Mistake[] {
  const mistakes = group.flatMap((each, i) => stepMistakes(each, first && i === 0 && step.most === 1));
  const say = (rule: string, fix: string): void => void mistakes.push({ rule, fix });
  const { said = [], clauses, greedy, until, inner, least, most } = step;
  if (isNot(step)) {
    say('a group of steps is what must not come', 'say notNext(name) or notFollowedBy(name) of one record');
  } else if (clauses.length > 0 || until !== undefined || greedy || 'sincePrevious' in step) {
    say('a group of steps has no conditions, end, greed or time of its own', 'say it of its steps');
  }
  if (step.groupWithin !== undefined) {
    say(
      'a group of steps has a time of its own by within(...)',
      'say it of the whole pattern, or withinPrevious(...) of steps',
    );
  }
  if (!isCount(step)) {
    say(`a group has ${least} to ${most} rounds`, 'give whole numbers, the smaller one first');
  } else if (most === 1 && inner !== 'relaxed') {
    say('a group says what lies between its rounds, but has only one', 'give it times(...) or oneOrMore()');
  }
  const numbers = said.filter((method) => method !== 'until');
  if (numbers.length > 1) say(`a group says twice how many rounds it has: ${numbers.join(' and ')}`, 'say one of them');
  if (group.every((each) => isNot(each) || each.optional)) {
    say('all steps of a group are optional', 'make the group optional, and leave optional() out of one step');
  }
  return [...mistakes, ...orderMistakes(group, undefined, true)];
}

/** Whether the numbers of a step are such. */
const isCount = ({ least, most }: StepShape): boolean =>
  Number.isSafeInteger(least) &&
  least >= 1 &&
  most >= least &&
  (Number.isSafeInteger(most) || most === Number.POSITIVE_INFINITY);

/** What does not go together in one step; `first`: of the pattern. */
function stepMistakes(step: StepShape, first: boolean): Mistake[] {
  if (step.group !== undefined) return groupMistakes(step, step.group, first);
  const { name, least, most, greedy, inner, until, optional } = step;
  const mistakes = spanMistakes(`the time from the record before "${name}"`, step, 'sincePrevious');
  const say = (rule: string, fix: string): void => void mistakes.push({ rule, fix });
  if (!isCount(step)) {
    say(`step "${name}" takes ${least} to ${most} records`, 'give whole numbers, the smaller one first');
  } else if (most === 1) {
    const loops = 'make it a loop by times(...) or oneOrMore(), or leave it out';
    if (inner !== 'relaxed') say(`step "${name}" says what lies between its records, but takes only one`, loops);
    if (until !== undefined) say(`step "${name}" has an end by until(...), but takes only one record`, loops);
    if (greedy && !optional) say(`step "${name}" is greedy, but always takes one record`, loops);
    if (first && step.sincePrevious !== undefined) {
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

const lastTaking = (steps: readonly StepShape[]): StepShape | undefined => steps.findLast((step) => !isNot(step));

/** Whether it may have no record of its last step. */
function endsOptionally({ optional, group }: StepShape): boolean {
  const last = group && lastTaking(group);
  return optional || (last !== undefined && endsOptionally(last));
}

/** Whether no other round may follow where it may end. */
function endsOnce({ group, least, most }: StepShape): boolean {
  const last = group && lastTaking(group);
  return last === undefined || (least === most && endsOnce(last));
}

/** What does not go together in the order of steps. */
function orderMistakes(steps: readonly StepShape[], within: number | undefined, inGroup: boolean): Mistake[] {
  const mistakes: Mistake[] = [];
  const say = (rule: string, fix: string): void => void mistakes.push({ rule, fix });
  for (const [i, step] of steps.entries()) {
    const { name } = step;
    if (step.greedy && step.group === undefined) {
      const after = steps.slice(i + 1).find((next) => !isNot(next));
      if (after === undefined || after.optional) {
        const fix = 'let a step follow that always takes a record, or leave greedy() out';
        say(`step "${name}" is greedy, and nothing behind it says when to stop`, fix);
      }
    }
    if (!isNot(step)) continue;
    const before = steps.slice(0, i).findLast((previous) => !isNot(previous));
    if (inGroup && steps.slice(i).every(isNot)) {
      say(`a group ends with "${name}", which must not come`, 'let a step of the group follow');
    } else if (before !== undefined && endsOptionally(before)) {
      const what = before.group === undefined ? `"${before.name}", which is` : 'a group that is, or ends with what is,';
      say(`"${name}" must not come after ${what} optional`, 'put it behind a step that is not');
    }
    const isLast = i === steps.length - 1 && step.follows === 'notFollowedBy';
    if (step.sincePrevious !== undefined && !isLast) {
      say(`"${name}" must not come, so that it has no time before it`, 'say withinPrevious(...) of the step behind it');
    }
  }
  if (inGroup) return mistakes;
  const last = lastTaking(steps);
  const atEnd = steps.slice(steps.findLastIndex((step) => !isNot(step)) + 1);
  if (atEnd.length > 0 && last !== undefined && !endsOnce(last)) {
    say(
      `the pattern ends with "${atEnd[0]!.name}", which must not come, after a group that may go on`,
      'give the group a number: times(3)',
    );
  }
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
