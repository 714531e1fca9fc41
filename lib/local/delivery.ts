import type { Called } from '../adapters/lambda/index.ts';
import { type Duration, MillraceError, messageOf, milliseconds } from '../model/index.ts';
import type { Clock, Random } from '../ports/index.ts';
import type { Batch } from './batches.ts';
import { eventText } from './event.ts';
import { type Habits, happens } from './habits.ts';
import type { KafkaMapping } from './mapping.ts';
import type { News } from './news.ts';

/** Calls a function and waits for what comes of it. */
export type CallFunction = (functionName: string, payload: string) => Promise<Called>;

export interface DeliveryContext {
  readonly mapping: KafkaMapping;
  readonly habits: Habits;
  readonly call: CallFunction;
  readonly clock: Clock;
  readonly random: Random;
  readonly signal: AbortSignal;
  tell(news: News): void;
  /** Calls that nobody waits for any more, and that still work. */
  readonly zombies: Set<Promise<unknown>>;
}

const FIRST_PAUSE = milliseconds(100);
const LONGEST_PAUSE = milliseconds(2_000);
/** A call that is to become a zombie is given up after less than this. */
const ZOMBIE_AFTER = milliseconds(400);

/** Delivers a batch as a whole, again and again until it succeeds. False: the signal ended it before. */
export async function deliver(batch: Batch, context: DeliveryContext): Promise<boolean> {
  const { mapping, habits, clock, random, signal, tell } = context;
  const text = eventText(mapping, batch.parts);
  const began = clock.now();
  const odd = (habit: keyof Habits): boolean => {
    const does = happens(habits[habit], random);
    if (does) tell({ mapping: mapping.name, kind: 'habit', habit });
    return does;
  };
  for (let attempts = 1; !signal.aborted; attempts++) {
    const called = odd('throttles') ? refused : await callOddly(text, context, odd);
    if (called.kind === 'answered' && !odd('retries')) {
      const stretches = batch.parts.map(({ partition, first, next }) => ({ partition, first, next }));
      const { records } = batch;
      const bytes = Buffer.byteLength(text);
      const took = clock.now() - began;
      tell({ mapping: mapping.name, kind: 'delivered', stretches, records, bytes, took, attempts });
      if (odd('duplicates')) await callOnce(text, context);
      return true;
    }
    if (called.kind === 'answered' || called.kind === 'left') continue;
    if (called.kind === 'trouble') tell({ mapping: mapping.name, kind: 'trouble', error: called.error });
    else tell({ mapping: mapping.name, kind: called.kind, message: called.message, attempts });
    await clock.sleep(pauseAfter(attempts), signal).catch(() => {});
  }
  return false;
}

type Outcome =
  | Called
  | { readonly kind: 'trouble'; readonly error: MillraceError }
  /** Not waited for any longer. */
  | { readonly kind: 'left' };

const refused: Outcome = {
  kind: 'throttled',
  message: 'refused by the event source, as a throttled function would be',
};

async function callOddly(
  text: string,
  context: DeliveryContext,
  odd: (habit: keyof Habits) => boolean,
): Promise<Outcome> {
  if (odd('zombies')) {
    const call = callOnce(text, context);
    context.zombies.add(call);
    void call.then(() => context.zombies.delete(call));
    const patience = (context.random.next() * ZOMBIE_AFTER) as Duration;
    const left = context.clock.sleep(patience, context.signal).catch(() => {});
    return Promise.race([call, left.then((): Outcome => ({ kind: 'left' }))]);
  }
  if (!odd('concurrent')) return callOnce(text, context);
  const [one, other] = await Promise.all([callOnce(text, context), callOnce(text, context)]);
  return one.kind === 'answered' ? other : one;
}

async function callOnce(text: string, { mapping, call }: DeliveryContext): Promise<Outcome> {
  try {
    return await call(mapping.functionName, text);
  } catch (thrown) {
    return { kind: 'trouble', error: asError(thrown) };
  }
}

function pauseAfter(attempts: number): Duration {
  return Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** Math.min(attempts - 1, 10)) as Duration;
}

/** What was thrown, as an error of millrace's. */
export function asError(thrown: unknown): MillraceError {
  return thrown instanceof MillraceError
    ? thrown
    : new MillraceError('unavailable', messageOf(thrown), { cause: thrown });
}
