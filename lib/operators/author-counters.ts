import { MillraceError } from '../model/index.ts';
import type { OperatorContext } from './operator.ts';

/** Before the names of what authors count, so that they cannot be taken for what operators count themselves. */
export const COUNTED = 'counted.';

const NAME = /^[A-Za-z][\w.-]{0,63}$/;

/** The counters of an author's code in one operator. */
export class AuthorCounters {
  readonly #context: Pick<OperatorContext, 'count'>;
  /** Each name with what comes before it, made once. */
  readonly #metrics = new Map<string, string>();

  constructor(context: Pick<OperatorContext, 'count'>) {
    this.#context = context;
  }

  /** Adds `n`, which may be any finite number. Throws `operator-failed` for a name that is none, or a number that is none. */
  count(name: string, n: number): void {
    let metric = this.#metrics.get(name);
    if (metric === undefined) {
      if (typeof name !== 'string' || !NAME.test(name)) {
        throw new MillraceError('operator-failed', `a counter cannot be called ${JSON.stringify(name)}`, {
          hint: 'begin with a letter, and go on with letters, digits, "_", "." or "-", 64 characters at most',
        });
      }
      metric = COUNTED + name;
      this.#metrics.set(name, metric);
    }
    if (!Number.isFinite(n)) {
      throw new MillraceError('operator-failed', `the counter ${name} cannot count ${n}`, {
        hint: 'give it a number, or nothing to add one',
      });
    }
    this.#context.count(metric, n);
  }
}
