/**
 * What matches are, said of whole sequences: every way to choose records is tried, and each is judged by itself, by looking at all records before, between and behind. Nothing
 * is remembered from one record to the next.
 */
import type { PatternShape, SkipStrategy, StepShape } from '../../../lib/operators/index.ts';

export interface Event {
  readonly value: unknown;
  readonly time: number;
}

/** A record of a match: its place in the sequence, and the step that took it. */
interface Link {
  readonly at: number;
  readonly step: number;
}
type Path = readonly Link[];

/** Something that comes out: at a record (its place, at its time) or between records, when time is over. */
interface Outcome {
  readonly path: Path;
  readonly time: number;
  /** The place of the record with which it comes; undefined where time is over, which is before records of that time. */
  readonly with?: number;
}

export interface Story {
  readonly matches: readonly { readonly lists: Lists; readonly time: number }[];
  readonly timedOut: readonly { readonly lists: Lists; readonly time: number }[];
}
type Lists = Readonly<Record<string, readonly unknown[]>>;

const NEVER = Number.POSITIVE_INFINITY;

/** The end of what a path waits for: after which record, or at which time. */
type Death = { readonly after: number } | { readonly at: number };

export class Sequence {
  readonly #events: readonly Event[];
  readonly #steps: readonly StepShape[];
  readonly #nots: StepShape[][] = [];
  readonly #within: number;

  constructor(events: readonly Event[], { steps, within }: PatternShape) {
    this.#events = events;
    this.#steps = steps.filter(({ follows }) => !follows.startsWith('not'));
    for (const step of steps) {
      if (step.follows.startsWith('not')) this.#nots.at(-1)!.push(step);
      else this.#nots.push([]);
    }
    this.#within = within ?? NEVER;
  }

  story(skip: SkipStrategy): Story {
    const paths = this.#paths();
    const outcomes = paths.flatMap((path) => this.#outcomes(path));
    const failures = paths.flatMap((path) => this.#failure(path));
    const lives = paths.map((path) => ({ path, death: this.#death(path) }));
    const ends = [...outcomes, ...failures].filter((each) => each.with === undefined).map(({ time }) => time);
    const moments = this.#moments([...ends, ...lives.flatMap(({ death }) => ('at' in death ? [death.at] : []))]);
    const skipped = new Set<number>();
    let waiting: Outcome[] = [];
    const matches: Outcome[] = [];
    const timedOut: Outcome[] = [];
    for (const moment of moments) {
      const now = (each: Outcome): boolean =>
        each.with === moment.with && (moment.with !== undefined || each.time === moment.time);
      const open = (each: { path: Path }): boolean => !skipped.has(each.path[0]!.at);
      timedOut.push(...failures.filter(now).filter(open).sort(byPath));
      waiting.push(...outcomes.filter(now).filter(open).sort(byPath));
      waiting = waiting
        .map((outcome, i) => ({ outcome, i }))
        .sort((a, b) => a.outcome.path[0]!.at - b.outcome.path[0]!.at || a.i - b.i)
        .map(({ outcome }) => outcome);
      const born = moment.with ?? this.#events.findLastIndex(({ time }) => time < moment.time);
      const alive = (): number =>
        Math.min(
          NEVER,
          ...lives
            .filter(({ path }) => path.at(-1)!.at <= born && open({ path }))
            .filter(({ death }) => ('at' in death ? death.at > moment.time : death.after > born))
            .map(({ path }) => path[0]!.at),
        );
      while (waiting.length > 0) {
        const [first] = waiting as [Outcome];
        const start = first.path[0]!.at;
        const waits = skip.skip !== 'none' && skip.skip !== 'to-next';
        if (waits && alive() < start) break;
        matches.push({ ...first, time: moment.time });
        waiting = waiting.slice(1);
        const [from, to] = this.#skippedBy(first.path, skip);
        for (let at = from; at < to; at++) skipped.add(at);
        waiting = waiting.filter(open);
      }
    }
    const told = ({ path, time }: Outcome) => ({ lists: this.#lists(path), time });
    return { matches: matches.map(told), timedOut: timedOut.map(told) };
  }

  /** All moments at which something may come out: each record, and each end of time before records of that time. */
  #moments(ends: readonly number[]): { time: number; with?: number }[] {
    const all: { time: number; with?: number }[] = [
      ...[...new Set(ends)].filter((time) => time < NEVER).map((time) => ({ time })),
      ...this.#events.map(({ time }, at) => ({ time, with: at })),
    ];
    return all.sort((a, b) => a.time - b.time || (a.with ?? -1) - (b.with ?? -1));
  }

  #skippedBy(path: Path, { skip, step }: SkipStrategy): [number, number] {
    const start = path[0]!.at;
    if (skip === 'none') return [0, 0];
    if (skip === 'to-next') return [start, start + 1];
    if (skip === 'past-last') return [0, path.at(-1)!.at + 1];
    const of = path.filter((link) => this.#steps[link.step]!.name === step);
    const to = skip === 'to-first' ? of[0] : of.at(-1);
    return [0, to?.at ?? 0];
  }

  #paths(): Path[] {
    const all: Path[] = [];
    const grow = (path: Path): void => {
      all.push(path);
      for (let at = path.at(-1)!.at + 1; at < this.#events.length; at++) {
        for (let step = path.at(-1)!.step; step < this.#steps.length; step++) {
          if (this.#extends(path, { at, step })) grow([...path, { at, step }]);
        }
      }
    };
    for (let at = 0; at < this.#events.length; at++) {
      for (let step = 0; step < this.#steps.length; step++) if (this.#begins({ at, step })) grow([{ at, step }]);
    }
    return all;
  }

  #begins({ at, step }: Link): boolean {
    const before = this.#steps.slice(0, step);
    if (before.some(({ optional }) => !optional)) return false;
    const takes = (one: StepShape): boolean => this.#holds(one, at, []) && !this.#over(one, at, []);
    return takes(this.#steps[step]!) && !before.some((one) => one.greedy && takes(one));
  }

  #count(path: Path): number {
    return path.filter(({ step }) => step === path.at(-1)!.step).length;
  }

  #mayLeave(path: Path): boolean {
    return this.#count(path) >= this.#steps[path.at(-1)!.step]!.least;
  }

  /** Whether a step may come next at all, by the numbers. */
  #isTarget(path: Path, step: number): boolean {
    const last = path.at(-1)!.step;
    if (step === last) return this.#count(path) < this.#steps[last]!.most;
    return this.#mayLeave(path) && step > last && this.#steps.slice(last + 1, step).every(({ optional }) => optional);
  }

  #extends(path: Path, link: Link): boolean {
    return this.#isTarget(path, link.step) && this.#takes(path, link) && this.#waitsBefore(path, link.step, link.at);
  }

  /** Whether a record is one that the step takes, apart from what comes before it. */
  #takes(path: Path, { at, step }: Link): boolean {
    const shape = this.#steps[step]!;
    if (!this.#holds(shape, at, path) || this.#over(shape, at, path)) return false;
    if (this.#banned(path, at)) return false;
    return this.#inTime(path, step, this.#events[at]!.time);
  }

  #inTime(path: Path, step: number, time: number): boolean {
    return time < this.#limit(path, step);
  }

  /** The time from which on it is too late for a step. */
  #limit(path: Path, step: number): number {
    const first = this.#events[path[0]!.at]!.time;
    const last = this.#events[path.at(-1)!.at]!.time;
    const { sincePrevious = NEVER } = this.#steps[step] ?? this.#endOf(path)!;
    return Math.min(first + this.#within, last + sincePrevious);
  }

  /** Whether, after all records behind the path and before a place, it still waits for a step. */
  #waitsBefore(path: Path, step: number, at: number): boolean {
    const last = path.at(-1)!;
    for (let between = last.at + 1; between < at; between++) if (this.#ends(path, step, between)) return false;
    // What a greedy step with precedence takes is not for this one, not even in the same place.
    return !this.#isTakenBefore(path, step, at);
  }

  #isTakenBefore(path: Path, step: number, at: number): boolean {
    for (let other = path.at(-1)!.step; other < step; other++) {
      if (this.#steps[other]!.greedy && this.#extends(path, { at, step: other })) return true;
    }
    return false;
  }

  /** Whether a record that is not taken ends the wait for a step. */
  #ends(path: Path, step: number, at: number): boolean {
    if (this.#banned(path, at) || this.#isTakenBefore(path, step, at)) return true;
    if (step === this.#steps.length) return this.#endOf(path)!.follows === 'notNext';
    const shape = this.#steps[step]!;
    const inner = step === path.at(-1)!.step;
    if (inner && this.#over(shape, at, path)) return true;
    const between = inner ? shape.inner : { next: 'strict', followedBy: 'relaxed' }[shape.follows as string];
    if (between === 'strict') return true;
    return between === 'relaxed' && this.#holds(shape, at, path);
  }

  #banned(path: Path, at: number): boolean {
    const last = path.at(-1)!;
    return this.#nots[last.step]!.some((not) => {
      if (not.follows === 'notNext' && !(this.#mayLeave(path) && at === last.at + 1)) return false;
      return this.#holds(not, at, path);
    });
  }

  /** What must not come at the end of the pattern, if the path has all but that. */
  #endOf(path: Path): StepShape | undefined {
    const { step } = path.at(-1)!;
    if (step !== this.#steps.length - 1 || !this.#mayLeave(path)) return undefined;
    const nots = this.#nots[step]!;
    return nots.findLast(({ follows }) => follows === 'notFollowedBy') ?? nots[0];
  }

  #isComplete(path: Path): boolean {
    const last = path.at(-1)!.step;
    const rest = this.#steps.slice(last + 1).every(({ optional }) => optional);
    return this.#mayLeave(path) && rest && this.#endOf(path) === undefined;
  }

  #outcomes(path: Path): Outcome[] {
    const last = path.at(-1)!.at;
    if (this.#isComplete(path)) return [{ path, time: this.#events[last]!.time, with: last }];
    const end = this.#endOf(path);
    if (end === undefined) return [];
    const limit = this.#limit(path, this.#steps.length);
    const after = this.#events.slice(last + 1).filter(({ time }) => time < limit);
    if (after.some((_, i) => this.#banned(path, last + 1 + i))) {
      if (end.follows === 'notFollowedBy') return [];
    }
    if (end.follows === 'notFollowedBy') return [{ path, time: limit }];
    if (after.length === 0 || this.#banned(path, last + 1)) return [];
    return [{ path, time: after[0]!.time, with: last + 1 }];
  }

  /** When a path waits for nothing any more: after a record, or at a time. */
  #death(path: Path): Death {
    const last = path.at(-1)!.at;
    let latest: Death = { after: last };
    for (let step = path.at(-1)!.step; step <= this.#steps.length; step++) {
      const target = step < this.#steps.length ? this.#isTarget(path, step) : this.#endOf(path) !== undefined;
      if (!target) continue;
      const limit = this.#limit(path, step);
      let death: Death = { at: limit };
      for (let at = last + 1; at < this.#events.length && this.#events[at]!.time < limit; at++) {
        if (!this.#ends(path, step, at)) continue;
        death = { after: at };
        break;
      }
      if (this.#rank(death) > this.#rank(latest)) latest = death;
    }
    return latest;
  }

  /** Orders deaths: at a time is before all records of that time. */
  #rank(death: Death): number {
    if ('after' in death) return this.#events[death.after]!.time + (death.after + 1) / 1_000;
    return death.at;
  }

  #failure(path: Path): Outcome[] {
    if (this.#isComplete(path) || this.#outcomes(path).length > 0) return [];
    const death = this.#death(path);
    return 'at' in death && death.at < NEVER ? [{ path, time: death.at }] : [];
  }

  #holds({ clauses }: StepShape, at: number, path: Path): boolean {
    const asked = clauses.map(({ condition }) =>
      condition(this.#events[at]!.value as never, this.#context(at, path) as never),
    );
    return clauses.reduce((all, { join }, i) => (i > 0 && join === 'or' ? all || !!asked[i] : all && !!asked[i]), true);
  }

  #over({ until }: StepShape, at: number, path: Path): boolean {
    return !!until?.(this.#events[at]!.value as never, this.#context(at, path) as never);
  }

  #context(at: number, path: Path) {
    return { key: 'k', eventTime: this.#events[at]!.time, taken: (name: string) => this.#lists(path)[name] ?? [] };
  }

  #lists(path: Path): Lists {
    return Object.fromEntries(
      this.#steps.map(({ name }) => [
        name,
        path.filter(({ step }) => this.#steps[step]!.name === name).map(({ at }) => this.#events[at]!.value),
      ]),
    );
  }
}

/** The patterns without groups that a pattern is: for each number of rounds that its groups may have, the steps of all rounds one behind the other; those that need no more than so many records. */
export function writtenOut(pattern: PatternShape, records: number): readonly PatternShape[] {
  return sequencesOf(pattern.steps, records).map((steps) => ({ ...pattern, steps }));
}

function sequencesOf(steps: readonly StepShape[], records: number): StepShape[][] {
  let all: StepShape[][] = [[]];
  for (const [i, step] of steps.entries()) {
    const next = steps.findIndex(({ follows }, j) => j > i && !follows.startsWith('not'));
    const nots = steps.slice(i + 1, next < 0 ? steps.length : next);
    const choices = step.group === undefined ? [[step]] : roundsOf(step, step.group, nots, records);
    all = each(all, choices, records);
  }
  return all;
}

/** `nots`: what must not come after it, and so after each round that may be the last. */
function roundsOf(
  step: StepShape,
  group: readonly StepShape[],
  nots: readonly StepShape[],
  records: number,
): StepShape[][] {
  const [going, ending] = [group, [...group, ...nots]].map((steps) => sequencesOf(steps, records)) as [
    StepShape[][],
    StepShape[][],
  ];
  const rounds = (round: number, follows: StepShape['follows']) =>
    (round < step.least ? going : ending).map(([first, ...rest]) => [{ ...first!, follows }, ...rest]);
  // In the place of no round stands what takes nothing, as it matters whether anything may follow a step.
  const clauses = [{ join: 'and', condition: () => false }] as const;
  const found: StepShape[][] = step.optional ? [[{ ...step, optional: true, clauses, most: step.least }]] : [];
  let all = rounds(1, step.follows);
  for (let round = 1; round <= step.most && all.length > 0; round++) {
    if (round > 1) all = each(all, rounds(round, AGAIN[step.inner]), records);
    if (round >= step.least) found.push(...all);
  }
  return found;
}

/** Each of these with each of those behind it. */
function each(before: readonly StepShape[][], behind: readonly StepShape[][], records: number): StepShape[][] {
  const needs = (steps: readonly StepShape[]): number =>
    steps.reduce((sum, { follows, optional, least }) => sum + (optional || follows.startsWith('not') ? 0 : least), 0);
  return before.flatMap((one) => behind.map((other) => [...one, ...other])).filter((steps) => needs(steps) <= records);
}

const AGAIN = { strict: 'next', relaxed: 'followedBy', any: 'followedByAny' } as const;

/** Records by place; of two that begin alike the one whose next record is the earlier, and the longer before its beginning. */
function byPath({ path: a }: Outcome, { path: b }: Outcome): number {
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    const order = a[i]!.at - b[i]!.at || a[i]!.step - b[i]!.step;
    if (order !== 0) return order;
  }
  return b.length - a.length;
}
