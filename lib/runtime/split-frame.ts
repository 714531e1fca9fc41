/** Cuts frames to what a log takes in one message. */
import { ALL, MillraceError, type Position } from '../model/index.ts';
import { encodeMessage, type Frame } from '../protocol/index.ts';

/**
 * The frame as one message, or as several in order where it is longer than `limit` encoded bytes. It is cut between causes; only a cause whose records alone are too long is
 * cut inside. Each part carries the watermark's steps that belong before or among its records, those behind its last record open the next part; more steps than fit are cut too.
 * Throws `bad-record` if a single record is too long.
 */
export function splitToFit(frame: Frame, limit: number): { readonly frame: Frame; readonly bytes: Uint8Array }[] {
  const bytes = encodeMessage(frame);
  if (bytes.length <= limit) return [{ frame, bytes }];
  const n = frame.values.length;
  if (n < 2 && frame.steps.length > 2) return byStep(frame).flatMap((each) => splitToFit(each, limit));
  if (n < 2) {
    throw new MillraceError(
      'bad-record',
      `a record of ${bytes.length} bytes is longer than the ${limit} bytes that the log takes`,
      {
        hint: 'emit smaller records, or raise the limit of the log',
      },
    );
  }
  const at = cutPoint(frame, n >> 1);
  return [...splitToFit(part(frame, 0, at), limit), ...splitToFit(part(frame, at, n), limit)];
}

/** At most one record and many steps: half of the steps in each part. A part that says no more than what was said before it is a repeat, of which the steps count. */
function byStep(frame: Frame): Frame[] {
  const { steps, prev, thru } = frame;
  const middle = (steps.length >> 2) * 2;
  const [early, late] = [steps.slice(0, middle), steps.slice(middle)];
  if (late[0] === 0)
    return [
      { ...nothingNew(frame, prev), steps: early },
      { ...frame, steps: late },
    ];
  return [
    { ...frame, steps: early },
    { ...nothingNew(frame, thru), steps: late.map((step, i) => (i % 2 === 0 ? 0 : step)) },
  ];
}

const nothingNew = (frame: Frame, at: Position): Frame => ({
  ...frame,
  ...{ prev: at, thru: at, values: [], times: [], causes: [], ks: [] },
  keys: frame.keys === undefined ? undefined : [],
});

/** The place nearest the middle where the cause changes, or the middle if there is one cause only. */
function cutPoint({ causes }: Frame, middle: number): number {
  for (let distance = 0; distance < causes.length; distance++) {
    for (const at of [middle - distance, middle + distance]) {
      if (at > 0 && at < causes.length && causes[at] !== causes[at - 1]) return at;
    }
  }
  return middle;
}

function part(frame: Frame, from: number, to: number): Frame {
  const n = frame.values.length;
  const { causes, ks } = frame;
  const steps: number[] = [];
  for (let s = 0; s < frame.steps.length; s += 2) {
    const after = frame.steps[s]!;
    const here = (after >= from && after < to) || (to === n && after === n);
    if (here) steps.push(after - from, frame.steps[s + 1]!);
  }
  return {
    ...frame,
    prev: from === 0 ? frame.prev : endOf(causes[from - 1]!, ks[from - 1]!, causes[from]!),
    thru: to === n ? frame.thru : endOf(causes[to - 1]!, ks[to - 1]!, causes[to]!),
    values: frame.values.slice(from, to),
    keys: frame.keys?.slice(from, to),
    times: frame.times.slice(from, to),
    causes: causes.slice(from, to),
    ks: ks.slice(from, to),
    steps,
  };
}

/** How far a part speaks whose last record is at (cause, k) and whose successor's cause is `next`. */
const endOf = (cause: number, k: number, next: number): Position => (next === cause ? { cause, k } : { cause, k: ALL });
