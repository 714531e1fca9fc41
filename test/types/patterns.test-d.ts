import { expectTypeOf, test } from 'vitest';
import {
  begin,
  type EventTime,
  type KeyedStream,
  minutes,
  type Stream,
  sideOutput,
  skipToFirst,
  skipToLast,
  type,
} from '../../lib/index.ts';

interface Opened {
  readonly kind: 'opened';
  readonly at: number;
}
interface Paid {
  readonly kind: 'paid';
  readonly amount: number;
}
type Step = Opened | Paid;

declare const steps: KeyedStream<string, Step>;
declare const loose: Stream<Step>;
declare const numbers: KeyedStream<string, number>;

const isOpened = (step: Step): step is Opened => step.kind === 'opened';
const isPaid = (step: Step): step is Paid => step.kind === 'paid';

const pattern = begin('opened', type<Step>())
  .where(isOpened)
  .notFollowedBy('cancelled')
  .followedBy('reminders')
  .oneOrMore()
  .optional()
  .followedBy('paid')
  .where(isPaid)
  .where((paid) => paid.amount > 0)
  .within(minutes(5));

test('a match has a list for each step that takes records, not empty where the step must take one', () => {
  const results = steps.match('paid', pattern, (match, ctx) => {
    expectTypeOf(match).toEqualTypeOf<{
      readonly opened: readonly [Opened, ...Opened[]];
      readonly reminders: readonly Step[];
      readonly paid: readonly [Paid, ...Paid[]];
    }>();
    expectTypeOf(match.opened[0]).toEqualTypeOf<Opened>();
    expectTypeOf(match.reminders[0]).toEqualTypeOf<Step | undefined>();
    expectTypeOf(ctx.key).toEqualTypeOf<string>();
    expectTypeOf(ctx.firstTime).toEqualTypeOf<EventTime>();
    return ctx.key === '' ? undefined : { sum: match.paid[0].amount };
  });
  expectTypeOf(results).toEqualTypeOf<Stream<{ sum: number }>>();
  // @ts-expect-error what must not come is in no match
  steps.match('paid', pattern, (match) => match.cancelled);
});

test('of a partial match only the first step is known to have a record', () => {
  const unpaid = sideOutput<Opened>('unpaid');
  steps.match('paid', pattern, () => 1, {
    timedOut: {
      to: unpaid,
      make: (partial, { key }) => {
        expectTypeOf(key).toEqualTypeOf<string>();
        expectTypeOf(partial.paid).toEqualTypeOf<readonly Paid[]>();
        return partial.opened[0];
      },
    },
  });
  // @ts-expect-error not what the side output takes
  steps.match('paid', pattern, () => 1, { timedOut: { to: unpaid, make: (partial) => partial.paid } });
});

test('conditions see what the match has taken for the steps so far', () => {
  begin('a', type<Step>())
    .where(isOpened)
    .followedBy('b')
    .where(isPaid)
    .where((paid, ctx) => {
      expectTypeOf(paid).toEqualTypeOf<Paid>();
      expectTypeOf(ctx.taken('a')).toEqualTypeOf<readonly Opened[]>();
      expectTypeOf(ctx.taken('b')).toEqualTypeOf<readonly Paid[]>();
      // @ts-expect-error a step that is not there
      ctx.taken('c');
      return true;
    })
    .oneOrMore();
  const either = begin('a', type<Step>()).where(isOpened).or(isPaid);
  steps.match('either', either, ({ a }) => expectTypeOf(a[0]).toEqualTypeOf<Step>());
});

test('only keyed records of the right type are matched, and only steps that are there skipped to', () => {
  // @ts-expect-error no key
  loose.match('paid', pattern, () => 1);
  // @ts-expect-error other records
  numbers.match('paid', pattern, () => 1);
  steps.match('paid', pattern, () => 1, { afterMatch: skipToFirst('paid') });
  // @ts-expect-error what must not come cannot be skipped to
  steps.match('paid', pattern, () => 1, { afterMatch: skipToLast('cancelled') });
  const wide = begin('x', type<string | number>());
  numbers.match('wide', wide, ({ x }) => expectTypeOf(x[0]).toEqualTypeOf<string | number>());
});

test('of a group a match has the lists of its steps, which may be empty if it may be left out', () => {
  const group = begin('reminded', type<Step>()).where(isOpened).next('answered').where(isPaid).optional();
  const whole = begin(group).times(2).followedBy('paid').where(isPaid);
  const result = steps.match('whole', whole, (match) => {
    expectTypeOf(match).toEqualTypeOf<{
      readonly reminded: readonly [Opened, ...Opened[]];
      readonly answered: readonly Paid[];
      readonly paid: readonly [Paid, ...Paid[]];
    }>();
    return match.reminded[0].at;
  });
  expectTypeOf(result).toEqualTypeOf<Stream<number>>();
  const left = begin('first', type<Step>()).followedBy(group).times(0, 2).next('paid').where(isPaid);
  steps.match('left', left, ({ reminded, first }) => {
    expectTypeOf(reminded).toEqualTypeOf<readonly Opened[]>();
    expectTypeOf(first[0]).toEqualTypeOf<Step>();
  });
  const none = begin('a', type<Step>()).timesOrMore(0).followedBy(group).timesOrMore(0).next('b').timesOrMore(1);
  steps.match('none', none, ({ a, reminded, b }) => {
    expectTypeOf(a).toEqualTypeOf<readonly Step[]>();
    expectTypeOf(reminded).toEqualTypeOf<readonly Opened[]>();
    expectTypeOf(b[0]).toEqualTypeOf<Step>();
  });
  // @ts-expect-error what is said of its steps
  begin(group).where(isOpened);
  // @ts-expect-error records of another kind
  begin('number', type<number>()).next(group);
  steps.match('skipped', whole, () => 1, { afterMatch: skipToFirst('answered') });
  // @ts-expect-error other records
  numbers.match('whole', whole, () => 1);
});
