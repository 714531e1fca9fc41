import type { KeyId } from '../../model/index.ts';
import type { OperatorContext } from '../operator.ts';

/** What becomes of records that come after their window's end: each is counted once, as `late` or as `refired`. */
export interface Lateness {
  /** Milliseconds after a window's last during which records still update it. */
  readonly allowed: number;
  /** A record came too late for all of its windows: to the side output, if there is one. */
  late(value: unknown, time: number, key: KeyId | undefined): void;
  /** A record came after its window's end, and updated the result. */
  refired(): void;
}

export function lateness(context: OperatorContext, allowed: number, side: string | undefined): Lateness {
  const out = side === undefined ? undefined : context.output(side);
  return {
    allowed,
    late(value, time, key) {
      context.count('late', 1);
      out?.record(value, time, key);
    },
    refired() {
      context.count('refired', 1);
    },
  };
}
