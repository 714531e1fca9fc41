import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ALL, keyIdOf, MAX_TIME, MIN_TIME, NOTHING, partitionOf } from '../../lib/model/index.ts';
import type { EdgePlan } from '../../lib/plan/index.ts';
import { bucket, type Frame } from '../../lib/protocol/index.ts';
import { EdgeOutput, type Routes, type Sent } from '../../lib/runtime/edge-output.ts';
import { Unit } from '../../lib/runtime/unit.ts';

type Kind = EdgePlan['partitioning']['kind'];
const planOf = (steps: EdgePlan['steps'], kind: Kind = 'key'): EdgePlan => ({
  id: 'a--b',
  from: 'a',
  to: 'b',
  output: { node: 'a' } as EdgePlan['output'],
  wires: [],
  partitioning: kind === 'key' ? { kind, keyBy: 'by' } : kind === 'custom' ? { kind, partitionBy: 'to' } : { kind },
  steps,
});

/** One task's end of an edge, fed by hand. */
class Sending {
  readonly unit = new Unit(0, MIN_TIME, 0);
  readonly output: EdgeOutput;
  now = MIN_TIME as number;

  constructor(plan: EdgePlan, partitions = 2, sent?: readonly Sent[], task = 0, by: Routes = {}) {
    this.output = new EdgeOutput(plan, partitions, task, this.unit, sent, by);
  }

  record(cause: number, value: unknown, key: string = 'k'): void {
    this.unit.cause = cause;
    this.output.record(value, cause, key);
  }

  watermark(time: number): void {
    this.now = time;
    this.output.watermark(time);
  }

  frames(upTo: number, exact = false): readonly (Frame | undefined)[] {
    const made = this.output.frames('run', 0, upTo, this.now, 1, exact);
    return Array.from({ length: this.output.partitions }, (_, q) => made.find((m) => m.partition === q)?.frame);
  }
}

const one = (plan: EdgePlan): Sending => new Sending(plan, 1);

describe('positions', () => {
  it('name the message that caused a record and its place among that message’s records', () => {
    const sending = one(planOf('none'));
    for (const cause of [3, 3, 5, 5, 5, 9]) sending.record(cause, cause);
    expect(sending.frames(10)[0]).toMatchObject({ causes: [3, 3, 5, 5, 5, 9], ks: [0, 1, 0, 1, 2, 0] });
  });

  it('6: each frame follows the one before it to that partition, and speaks for its whole batch', () => {
    const sending = new Sending(planOf('none', 'rebalance'), 2);
    sending.record(0, 'a');
    expect(sending.frames(4)).toMatchObject([{ prev: NOTHING, thru: { cause: 3, k: ALL } }, undefined]);
    sending.record(5, 'b');
    expect(sending.frames(6)).toMatchObject([undefined, { prev: NOTHING, thru: { cause: 5, k: ALL } }]);
    sending.record(6, 'c');
    expect(sending.frames(9)).toMatchObject([{ prev: { cause: 3, k: ALL }, thru: { cause: 8, k: ALL } }, undefined]);
    expect(sending.output.sent.map((s) => s.thru.cause)).toEqual([8, 5]);
  });
});

describe('routing', () => {
  const routed = (kind: 'key' | 'forward' | 'rebalance' | 'gather', task = 0): number[] => {
    const sending = new Sending(planOf('none', kind), 4, undefined, task);
    for (let i = 0; i < 8; i++) sending.record(i, i, `key-${i}`);
    const places: number[] = [];
    sending.frames(8).forEach((frame, q) => {
      for (const value of frame?.values ?? []) places[value as number] = q;
    });
    return places;
  };

  it('goes by the key’s hash, by the task, by the cause, or to one', () => {
    expect(routed('key')).toEqual(Array.from({ length: 8 }, (_, i) => partitionOf(`key-${i}`, 4)));
    expect(routed('forward', 6)).toEqual(new Array(8).fill(2));
    expect(routed('rebalance')).toEqual([0, 1, 2, 3, 0, 1, 2, 3]);
    expect(routed('gather', 3)).toEqual(new Array(8).fill(0));
  });

  it('goes where a partitioner says, which is told how many there are, and nowhere else', () => {
    const to = { partitionOf: (value: unknown, partitions: number) => ((value as number) * 3) % partitions };
    const sending = new Sending(planOf('none', 'custom'), 4, undefined, 0, to);
    for (let i = 0; i < 8; i++) sending.record(i, i);
    const frames = sending.frames(8);
    expect(frames.map((frame) => frame?.values)).toEqual([
      [0, 4],
      [3, 7],
      [2, 6],
      [1, 5],
    ]);
    expect(frames[0]!.keys).toBeUndefined();

    for (const wrong of [-1, 4, 0.5, Number.NaN, '1', undefined, Promise.resolve(1)]) {
      const lost = new Sending(planOf('none', 'custom'), 4, undefined, 0, { partitionOf: () => wrong as number });
      expect(() => lost.record(0, 'a')).toThrow(/the partitioner returned .*, which is none of 4 tasks/);
      expect(lost.output.pending).toBe(0);
    }
  });

  it('goes to every partition, at the same positions', () => {
    const sending = new Sending(planOf('none', 'broadcast'), 3);
    for (const cause of [2, 2, 5]) sending.record(cause, `rule ${cause}`);
    const frames = sending.frames(6);
    expect(frames).toHaveLength(3);
    for (const frame of frames) {
      expect(frame).toMatchObject({
        values: ['rule 2', 'rule 2', 'rule 5'],
        causes: [2, 2, 5],
        ks: [0, 1, 0],
        keys: undefined,
      });
    }
  });

  it('undoes what went to every partition', () => {
    const sending = new Sending(planOf('none', 'broadcast'), 2);
    sending.record(0, 'kept');
    const mark = sending.output.mark();
    sending.record(1, 'undone');
    sending.output.rollback(mark);
    expect(sending.frames(2).map((frame) => frame?.values)).toEqual([['kept'], ['kept']]);
  });

  it('goes by the key that records carry, whose identity is handed on as it is', () => {
    const tuple = keyIdOf(['a', 1]);
    for (const partitioning of [{ kind: 'key' }, { kind: 'forward' }] as const) {
      const sending = new Sending({ ...planOf('none'), partitioning, carriesKey: true }, 4);
      sending.record(0, 'x', tuple as string);
      const place = partitioning.kind === 'key' ? partitionOf(tuple, 4) : 0;
      expect(sending.frames(1)[place]?.keys).toEqual([tuple]);
    }
  });
});

describe('steps', () => {
  it('stand where time passed a line of the grid, behind the records that came before', () => {
    const sending = one(planOf(100));
    sending.watermark(10);
    sending.record(0, 'a');
    sending.watermark(98);
    sending.record(1, 'b');
    sending.watermark(99);
    sending.watermark(150);
    sending.record(2, 'c');
    sending.watermark(460);
    sending.watermark(470);
    expect(sending.frames(3)[0]!.steps).toEqual([0, 10, 2, 99, 3, 460, 3, 470]);
  });

  it('of every change are not merged, whether records come between or not', () => {
    const sending = one(planOf('every'));
    sending.record(0, 'a');
    for (const time of [1, 2, 3]) sending.watermark(time);
    sending.record(1, 'b');
    expect(sending.frames(2)[0]!.steps).toEqual([1, 1, 1, 2, 1, 3]);
  });

  it('that nobody was told of open the next frame, also after the task was loaded anew', () => {
    for (const reload of [false, true]) {
      let sending = one(planOf('every'));
      sending.watermark(5_000);
      sending.frames(1);
      sending.watermark(5_200);
      expect(sending.frames(2)).toEqual([undefined]);
      sending.watermark(5_300);
      expect(sending.frames(3)).toEqual([undefined]);
      if (reload) {
        const { sent } = sending.output;
        sending = new Sending(planOf('every'), 1, sent);
        sending.now = 5_300;
      }
      sending.record(3, 'late or not?');
      expect(sending.frames(4)[0]!.steps).toEqual([0, 5_200, 0, 5_300]);
    }
  });

  it('are said before too many of them wait', () => {
    const sending = one(planOf('every'));
    let frames = 0;
    for (let i = 0; i < 900; i++) {
      sending.watermark(i);
      if (sending.frames(i + 1)[0] !== undefined) frames++;
      expect(sending.output.sent[0]!.steps?.length ?? 0).toBeLessThan(128);
    }
    expect(frames).toBeGreaterThan(10);
    expect(frames).toBeLessThan(30);
  });
});

describe('frames without records', () => {
  const said = (steps: EdgePlan['steps'], times: readonly (readonly [number, boolean])[]): boolean[] => {
    const sending = one(planOf(steps));
    return times.map(([time, exact], i) => {
      if (time !== MAX_TIME) sending.watermark(time);
      sending.now = time;
      return sending.frames(i + 1, exact)[0] !== undefined;
    });
  };

  it.each<[string, EdgePlan['steps'], readonly (readonly [number, boolean])[], boolean[]]>([
    ['never before there is a time', 60_000, [[MIN_TIME, true]], [false]],
    ['the first time there is one', 60_000, [[1, false]], [true]],
    [
      'not within a cell of the grid',
      60_000,
      [
        [1, false],
        [59_998, false],
      ],
      [true, false],
    ],
    [
      'where a window may end',
      60_000,
      [
        [1, false],
        [59_999, false],
      ],
      [true, true],
    ],
    [
      'once a second for sessions and timers',
      'every',
      [
        [1, false],
        [998, false],
        [999, false],
      ],
      [true, false, true],
    ],
    [
      'whatever a claim moved',
      60_000,
      [
        [1, false],
        [2, true],
        [2, true],
      ],
      [true, true, false],
    ],
    [
      'never for those who ask for no time',
      'none',
      [
        [1, false],
        [90_000, true],
      ],
      [false, false],
    ],
    [
      'at the end of input',
      60_000,
      [
        [1, false],
        [MAX_TIME, false],
      ],
      [true, true],
    ],
    [
      'at the end of input to those who ask for no time',
      'none',
      [
        [1, false],
        [MAX_TIME, false],
      ],
      [false, true],
    ],
  ])('are sent %s', (_, steps, times, expected) => {
    expect(said(steps, times)).toEqual(expected);
  });

  it('while the end is held back say how far time has come', () => {
    const sending = one(planOf(100));
    sending.watermark(10);
    sending.frames(1);
    sending.watermark(550);
    sending.now = MIN_TIME;
    expect(sending.frames(2)[0]!.steps).toEqual([0, 550]);
    expect(sending.output.sent[0]!.watermark).toBe(550);
  });
});

type Act =
  | { readonly kind: 'record'; readonly key: string }
  | { readonly kind: 'watermark'; readonly by: number }
  | { readonly kind: 'message' };

const act = fc.oneof(
  fc.record({ kind: fc.constant('record' as const), key: fc.constantFrom('a', 'b', 'c', 'd') }),
  fc.record({ kind: fc.constant('watermark' as const), by: fc.integer({ min: 1, max: 700 }) }),
  fc.record({ kind: fc.constant('message' as const) }),
);
const grid = fc.constantFrom<EdgePlan['steps']>('every', 1_000, 300, 'none');

/** Does acts one after another. */
class Script {
  sending: Sending;
  #offset = 0;
  #n = 0;

  constructor(sending: Sending) {
    this.sending = sending;
  }

  /** Another process goes on with the task. */
  load(): void {
    const { now, output } = this.sending;
    this.sending = new Sending(planOf(output.edge.steps), output.partitions, structuredClone(output.sent));
    this.sending.now = now;
  }

  do(act: Act): void {
    if (act.kind === 'message') this.#offset++;
    else if (act.kind === 'record') this.sending.record(this.#offset, this.#n++, act.key);
    else this.sending.watermark(Math.max(0, this.sending.now) + act.by);
  }

  /** As if the acts had been undone. */
  undone(act: Act): void {
    this.sending.unit.cause = 1_000;
    this.sending.output.record(act.kind, 0, 'x');
    if (act.kind === 'watermark') this.sending.output.watermark(Math.max(0, this.sending.now) + act.by);
  }

  frames() {
    this.#offset++;
    return this.sending.frames(this.#offset);
  }
}

describe('going back', () => {
  it('4: leaves everything as if what was undone had never happened', () => {
    const piece = fc.record({
      kept: fc.array(act, { maxLength: 5 }),
      undone: fc.array(act, { maxLength: 5 }),
      ends: fc.boolean(),
    });
    fc.assert(
      fc.property(grid, fc.array(piece, { maxLength: 8 }), (steps, pieces) => {
        const disturbed = new Script(new Sending(planOf(steps)));
        const straight = new Script(new Sending(planOf(steps)));
        for (const { kept, undone, ends } of pieces) {
          const mark = disturbed.sending.output.mark();
          for (const each of undone) disturbed.undone(each);
          disturbed.sending.output.rollback(mark);
          for (const each of kept) for (const script of [disturbed, straight]) script.do(each);
          if (!ends) continue;
          expect(disturbed.frames()).toEqual(straight.frames());
          expect(disturbed.sending.output.sent).toEqual(straight.sending.output.sent);
        }
        expect(disturbed.frames()).toEqual(straight.frames());
      }),
      { numRuns: 300 },
    );
  });
});

describe('where batches are cut', () => {
  /** What a receiver sees in a partition: each record, and each line of the grid that time passes; every change if the grid is 1. */
  const seen = (frames: readonly (Frame | undefined)[], lines: number): unknown[] => {
    const events: unknown[] = [];
    let watermark = MIN_TIME as number;
    for (const frame of frames) {
      if (frame === undefined) continue;
      let step = 0;
      for (let i = 0; i <= frame.values.length; i++) {
        for (; step < frame.steps.length && frame.steps[step]! <= i; step += 2) {
          const next = frame.steps[step + 1]!;
          if (bucket(next, lines) !== bucket(watermark, lines))
            events.push(['time', lines === 1 ? next : bucket(next, lines)]);
          watermark = Math.max(watermark, next);
        }
        if (i < frame.values.length) events.push([frame.values[i], frame.causes[i], frame.ks[i]]);
      }
    }
    return events;
  };

  it('4: makes no difference to what any receiver sees, in whatever order; nor does loading the task anew', () => {
    const cuts = fc.array(fc.constantFrom('no', 'no', 'cut', 'load'), { maxLength: 60 });
    fc.assert(
      fc.property(grid, fc.array(act, { maxLength: 50 }), cuts, (steps, acts, cuts) => {
        const whole = new Script(new Sending(planOf(steps)));
        const pieces = new Script(new Sending(planOf(steps)));
        const frames: (Frame | undefined)[][] = [[], []];
        const take = () => {
          for (const [q, frame] of pieces.frames().entries()) frames[q]!.push(frame);
        };
        acts.forEach((each, i) => {
          for (const script of [whole, pieces]) script.do(each);
          if (cuts[i] !== 'cut' && cuts[i] !== 'load') return;
          take();
          whole.do({ kind: 'message' });
          if (cuts[i] === 'load') pieces.load();
        });
        // A last record everywhere shows where time stood before it.
        for (const key of ['a', 'b', 'c', 'd'])
          for (const script of [whole, pieces]) script.do({ kind: 'record', key });
        take();
        const straight = whole.frames();
        const lines = steps === 'every' ? 1 : steps === 'none' ? Number.POSITIVE_INFINITY : steps;
        for (const q of [0, 1]) {
          const [uncut, cut] = [seen([straight[q]], lines), seen(frames[q]!, lines)];
          if (steps === 'none')
            expect(cut.filter((e) => (e as unknown[])[0] !== 'time')).toEqual(
              uncut.filter((e) => (e as unknown[])[0] !== 'time'),
            );
          else expect(withoutLast(cut)).toEqual(withoutLast(uncut));
        }
      }),
      { numRuns: 300 },
    );
  });

  /** The watermark behind the last record of a frame is exact; how often it is said between lines is nobody's business. */
  const withoutLast = (events: unknown[]): unknown[] => {
    const last = events.findLastIndex((event) => (event as unknown[])[0] !== 'time');
    return events.slice(0, last + 1);
  };
});
