import { definition, faulty, functionMistakes, settings } from '../author-code.ts';
import type { Mistake, OperatorDefinition } from '../definition.ts';
import type { MatchSpec } from './match-spec.ts';
import { Matching, PARTIALS, WAITING } from './matching.ts';
import { patternMistakes } from './mistakes.ts';
import { leavesOf } from './places.ts';
import { shapeAsJson, shapeFunctions } from './shape.ts';
import { LINKS, RECORDS } from './taken-records.ts';

/**
 * Looks for a pattern in the records of each key, in the order of event time, of equal times in the order of arrival: Flink's CEP.
 *
 * 1. A record waits until the watermark has reached its time. One that comes at or before the watermark is late: counted, to the late output, and part of no match.
 * 2. A match comes out at the record that completes it, or, where the pattern ends with `notFollowedBy`, when the time for that is over; with that time. With a skip
 *    strategy other than `skipToNext` it waits, as in Flink, for partial matches that began before it and might do away with it.
 * 3. Matches that come out together come in the order of their first records; of two that begin alike, first the one whose next record is the earlier.
 * 4. A partial match is given up at its first record's time + `within`, by the watermark. It is then counted as `timed-out` and goes to that output, unless it was a match.
 *
 * Cost: for each record, one question to each condition that a partial match of its key waits for. State: the records that are part of partial matches, once each; a link
 * for each way to have come to one; seven numbers for each partial match.
 */
export function matchOperator(spec: MatchSpec): OperatorDefinition {
  if (!Array.isArray(settings(spec.pattern).steps)) return faulty('match', [NO_PATTERN, ...specMistakes(spec)]);
  const { pattern, fn, lateSide, timedOut, maxPartialMatches, waitForever } = spec;
  const skip = settings(spec.skip);
  const sides = [lateSide, timedOut?.side].filter((side) => side !== undefined);
  return definition({
    type: 'match',
    options: {
      layout: shapeAsJson(pattern),
      skip: skip.step === undefined ? skip.skip : [skip.skip, skip.step],
      outputs: { late: lateSide ?? null, timedOut: timedOut?.side ?? null },
      maxPartialMatches,
      waitForever,
    },
    needsKey: true,
    stateful: true,
    eventTime: true,
    steps: 'every',
    state: { [PARTIALS]: 1, [WAITING]: 1, [LINKS]: 1, [RECORDS]: 1 },
    sides: [...new Set(sides)],
    functions: [...shapeFunctions(pattern), fn, ...(timedOut === undefined ? [] : [timedOut.make])],
    mistakes: [...patternMistakes(pattern, waitForever), ...specMistakes(spec)],
    code: { create: (context) => new Matching(context, spec) },
  });
}

const NO_PATTERN: Mistake = {
  rule: 'what it looks for is no pattern',
  fix: "make one: begin('first', type<Payment>()).where(...).next('second')",
};

const SKIPS = ['none', 'to-next', 'past-last', 'to-first', 'to-last'];

function specMistakes({ pattern, fn, skip, timedOut, maxPartialMatches }: MatchSpec): Mistake[] {
  const mistakes = functionMistakes('match', fn, 'give it one: (match) => ({ ...match })');
  const say = (rule: string, fix: string): void => void mistakes.push({ rule, fix });
  if (timedOut !== undefined) {
    mistakes.push(...functionMistakes('match', timedOut.make, 'give { to, make: (partial) => ... }'));
  }
  const { step, skip: how } = settings(skip);
  if (!SKIPS.includes(how)) say('its afterMatch is no strategy', 'use noSkip(), skipPastLastEvent() or another');
  const { steps = [] } = settings(pattern);
  if (
    (step !== undefined || how === 'to-first' || how === 'to-last') &&
    !leavesOf(steps).some(({ name }) => name === step)
  ) {
    say(`no step of the pattern is called "${step}", to which is skipped`, 'name a step that takes records');
  }
  if (!(Number.isSafeInteger(maxPartialMatches) && maxPartialMatches > 0)) {
    const fix = 'give a number of partial matches of one key, or leave it out';
    say(`maxPartialMatches must be a whole number of at least 1, not ${maxPartialMatches}`, fix);
  }
  return mistakes;
}
