import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { comparePositions, MAX_TIME, MIN_TIME, NOTHING, type Position } from '../../lib/model/index.ts';
import { Channels, type EdgeTime, type Frame } from '../../lib/protocol/index.ts';
import { claimOn, claimsOf, frameOf, upTo } from './spoken-frame.ts';

const edge: EdgeTime = { edge: 'in', bound: 10, idle: { policy: 'advance', after: 100, drift: 1_000 } };

const one = (time: EdgeTime = edge, skew = 0) => new Channels([time], skew);

/** Applies a frame as a task does, and returns the records that were fresh. */
function apply(channels: Channels, frame: Frame): unknown[] {
  const { kind, first } = channels.arrival(frame);
  if (kind === 'gap') throw new Error('gap');
  channels.begin(frame);
  for (let i = 0; i < frame.steps.length; i += 2) {
    channels.step(frame.channel.edge, frame.channel.task, frame.steps[i + 1] as number);
  }
  channels.end(frame);
  return frame.values.slice(first);
}

describe('arrival', () => {
  it('finds the first record beyond what was applied, by cause and by index', () => {
    const channels = one();
    apply(channels, frameOf({ thru: upTo(5, 1), at: [upTo(5, 0), upTo(5, 1)] }));
    const longer = frameOf({ thru: upTo(7), at: [upTo(4, 0), upTo(5, 0), upTo(5, 1), upTo(5, 2), upTo(6, 0)] });
    expect(channels.arrival(longer)).toEqual({ kind: 'fresh', first: 3, thru: upTo(5, 1) });
  });

  it('7: drops the tail of a longer repeat by how far it spoke, not by its last record', () => {
    const channels = one();
    apply(channels, frameOf({ thru: upTo(9), at: [upTo(3, 0)] }));
    const repeat = frameOf({ thru: upTo(9), at: [upTo(3, 0), upTo(8, 0)] });
    expect(channels.arrival(repeat)).toMatchObject({ kind: 'repeat', first: 2 });
  });

  it('6: calls a frame that presumes an unseen one a gap, on a new channel too', () => {
    const channels = one();
    expect(channels.arrival(frameOf({ prev: upTo(2), thru: upTo(4) })).kind).toBe('gap');
    apply(channels, frameOf({ thru: upTo(2) }));
    expect(channels.arrival(frameOf({ prev: upTo(2), thru: upTo(4) })).kind).toBe('fresh');
    expect(channels.arrival(frameOf({ prev: upTo(3), thru: upTo(4) })).kind).toBe('gap');
  });

  it('6: a repeat never takes a channel back', () => {
    const channels = one();
    apply(channels, frameOf({ thru: upTo(9) }));
    apply(channels, frameOf({ thru: upTo(3) }));
    expect(channels.state('in', 0)?.thru).toEqual(upTo(9));
  });

  it('takes the end of input from a frame that speaks no further', () => {
    const channels = one();
    apply(channels, frameOf({ thru: upTo(9), steps: [0, 50] }));
    apply(channels, frameOf({ prev: upTo(9), thru: upTo(9), steps: [0, MAX_TIME] }));
    expect(channels.watermark()).toEqual({ value: MAX_TIME, heldBy: undefined });
  });

  it('7: applies each record once, in order, however attempts were cut and repeated', () => {
    const log = Array.from({ length: 12 }, (_, i) => i);
    const outputs = (cause: number): Position[] => Array.from({ length: (cause * 7) % 3 }, (_, k) => upTo(cause, k));
    fc.assert(
      fc.property(
        fc.array(fc.record({ from: fc.nat(11), length: fc.integer({ min: 1, max: 6 }), split: fc.nat(6) }), {
          maxLength: 12,
        }),
        (attempts) => {
          const channels = one();
          const applied: unknown[] = [];
          let committed = 0;
          const thruAt = (offset: number) => (offset === 0 ? NOTHING : upTo(offset - 1));
          for (const { from, length, split } of [...attempts, { from: 99, length: 12, split: 0 }]) {
            const start = Math.min(from, committed);
            const end = Math.min(start + length, log.length);
            const middle = Math.min(start + split, end);
            for (const [a, b] of [
              [start, middle],
              [middle, end],
            ] as const) {
              if (a === b) continue;
              const frame = frameOf({ prev: thruAt(a), thru: upTo(b - 1), at: log.slice(a, b).flatMap(outputs) });
              applied.push(...apply(channels, frame));
            }
            committed = Math.max(committed, end);
          }
          expect(applied).toEqual(
            log
              .slice(0, committed)
              .flatMap(outputs)
              .map(({ cause, k }) => `${cause}.${k}`),
          );
        },
      ),
    );
  });
});

describe('claims', () => {
  const spoken = (): Channels => {
    const channels = one();
    apply(channels, frameOf({ thru: upTo(9), steps: [0, 50] }));
    return channels;
  };

  it('8: moves time by a claim of which all that came before was seen', () => {
    const channels = spoken();
    channels.claim(claimsOf(500, [claimOn({ prev: upTo(9), upTo: 10, watermark: 300, silentSince: 200 })]));
    expect(channels.watermark().value).toBe(300);
  });

  it('8: holds a claim void that presumes an unseen frame, without calling it an error', () => {
    const channels = spoken();
    channels.claim(claimsOf(500, [claimOn({ prev: upTo(10), upTo: 12, watermark: 300, silentSince: 200 })]));
    expect(channels.watermark().value).toBe(50);
    expect(channels.state('in', 0)?.silent).toEqual({ upTo: 12, since: 200, verifiedAt: 500 });
  });

  it('never takes time back', () => {
    const channels = spoken();
    channels.claim(claimsOf(500, [claimOn({ prev: upTo(9), upTo: 10, watermark: 20 })]));
    expect(channels.watermark().value).toBe(50);
  });

  it('does not call a channel silent that has spoken beyond the claim', () => {
    const channels = spoken();
    channels.claim(claimsOf(500, [claimOn({ prev: upTo(5), upTo: 9, watermark: 60 })]));
    expect(channels.state('in', 0)?.silent).toBeUndefined();
    expect(channels.watermark().value).toBe(60);
  });

  it('ends a silence by a frame that speaks beyond it, before its records, and by no other', () => {
    const channels = one();
    channels.claim(claimsOf(500, [claimOn({ upTo: 10, silentSince: 200 })]));
    for (const silent of [frameOf({ thru: upTo(8) }), frameOf({ thru: upTo(8) }), frameOf({ thru: upTo(9) })]) {
      apply(channels, silent);
      expect(channels.state('in', 0)?.silent).toBeDefined();
    }
    channels.begin(frameOf({ prev: upTo(9), thru: upTo(10, 0) }));
    expect(channels.state('in', 0)).toMatchObject({ silent: undefined, thru: upTo(9) });
    channels.claim(claimsOf(501, [claimOn({ upTo: 10, silentSince: 200 })]));
    channels.end(frameOf({ prev: upTo(9), thru: upTo(10, 0) }));
    channels.claim(claimsOf(502, [claimOn({ upTo: 10, silentSince: 200 })]));
    apply(channels, frameOf({ prev: upTo(9), thru: upTo(11) }));
    expect(channels.state('in', 0)?.silent).toBeUndefined();
  });

  it('8: claims of several controllers commute and may be repeated', () => {
    const said = fc.record({
      time: fc.nat(50),
      claim: fc
        .record({
          p: fc.integer({ min: -1, max: 4 }),
          upTo: fc.nat(4),
          watermark: fc.option(fc.nat(99)),
          since: fc.nat(9),
        })
        .map(({ p, upTo: end, watermark, since }) =>
          claimOn({ prev: upTo(p), upTo: end, watermark: watermark ?? undefined, silentSince: since }),
        ),
    });
    fc.assert(
      fc.property(
        fc
          .array(said, { minLength: 1, maxLength: 5 })
          .chain((list) =>
            fc.tuple(fc.constant(list), fc.shuffledSubarray([...list, ...list], { minLength: list.length * 2 })),
          ),
        fc.integer({ min: -1, max: 3 }),
        (orders, thru) => {
          const [a, b] = orders.map((order) => {
            const channels = one();
            apply(channels, frameOf({ thru: upTo(thru), steps: [0, 30] }));
            for (const { time, claim } of order) channels.claim(claimsOf(time, [claim]));
            return channels.entries();
          });
          expect(a).toEqual(b);
        },
      ),
    );
  });

  it('pays no heed to claims about edges that it does not have and channels that do not count', () => {
    const channels = spoken();
    channels.claim(claimsOf(500, [claimOn({ edge: 'other', watermark: 70 }), claimOn({ task: -1, watermark: 70 })]));
    expect(channels.entries()).toHaveLength(1);
  });
});

describe('watermark', () => {
  it('9: is none until every channel of every edge has spoken, and says which is awaited', () => {
    const channels = new Channels([edge, { edge: 'side', bound: 0, idle: undefined }], 0);
    expect(channels.watermark()).toEqual({ value: undefined, heldBy: 'in#0' });
    apply(channels, frameOf({ channels: 2, thru: upTo(0), steps: [0, 50] }));
    expect(channels.watermark()).toEqual({ value: undefined, heldBy: 'side#0' });
    apply(channels, frameOf({ edge: 'side', thru: upTo(0), steps: [0, 70] }));
    expect(channels.watermark()).toEqual({ value: undefined, heldBy: 'in#1' });
    apply(channels, frameOf({ task: 1, channels: 2, thru: upTo(0), steps: [0, 60] }));
    expect(channels.watermark()).toEqual({ value: 50, heldBy: 'in#0' });
  });

  it('9: is held by a new channel until it has spoken', () => {
    const channels = one();
    apply(channels, frameOf({ thru: upTo(0), steps: [0, 50] }));
    expect(channels.watermark().value).toBe(50);
    channels.claim(claimsOf(0, [], [['in', 2]]));
    expect(channels.watermark()).toEqual({ value: undefined, heldBy: 'in#1' });
  });

  it('does not wait for side channels, which are deduplicated all the same', () => {
    const channels = one();
    apply(channels, frameOf({ thru: upTo(0), steps: [0, 50] }));
    const replayed = frameOf({ task: -1, channels: 7, thru: upTo(3), at: [upTo(3, 0)], steps: [0, 10] });
    expect(apply(channels, replayed)).toHaveLength(1);
    expect(channels.watermark().value).toBe(50);
    expect(channels.arrival(replayed).kind).toBe('repeat');
  });

  it('has none in a task without channels', () => {
    expect(new Channels([], 0).watermark()).toEqual({ value: undefined, heldBy: undefined });
  });

  it('refuses frames of an edge that does not lead here', () => {
    expect(() => one().begin(frameOf({ edge: 'other', thru: upTo(0) }))).toThrow(RangeError);
  });
});

describe('step', () => {
  /** One channel active at 2000, one drifted: silent since 0, verified at 1500, its claim at 500. */
  const drifted = (): Channels => {
    const channels = new Channels([edge], 0);
    apply(channels, frameOf({ channels: 2, thru: upTo(9), steps: [0, 2_000] }));
    channels.claim(claimsOf(1_500, [claimOn({ task: 1, upTo: 10, watermark: 500 })]));
    return channels;
  };

  it('says that the receiver moves when the one moves by whom drift is measured', () => {
    const channels = drifted();
    expect(channels.watermark()).toEqual({ value: 1_490, heldBy: 'in#1' });
    expect(channels.step('in', 0, 2_500)).toBe(true);
    expect(channels.watermark()).toEqual({ value: 2_500, heldBy: 'in#0' });
  });

  it('says that the receiver moves when one that was left out comes near again', () => {
    const channels = drifted();
    channels.step('in', 0, 2_500);
    channels.watermark();
    expect(channels.step('in', 1, 1_800)).toBe(true);
    expect(channels.watermark()).toEqual({ value: 1_800, heldBy: 'in#1' });
  });

  it('says that the receiver stays where it is when another moves', () => {
    const channels = new Channels([edge], 0);
    apply(channels, frameOf({ channels: 2, thru: upTo(9), steps: [0, 20] }));
    apply(channels, frameOf({ task: 1, channels: 2, thru: upTo(9), steps: [0, 10] }));
    channels.watermark();
    expect(channels.step('in', 0, 30)).toBe(false);
    expect(channels.step('in', 1, 10)).toBe(false);
    expect(channels.step('in', 1, 11)).toBe(true);
  });
});

/** One thing that happens to a receiver. */
const event = fc.oneof(
  fc.record({
    kind: fc.constant('frame' as const),
    edge: fc.constantFrom('in', 'b'),
    task: fc.integer({ min: -1, max: 2 }),
    further: fc.nat(2),
    steps: fc.array(fc.oneof(fc.nat(300), fc.constant(MAX_TIME as number)), { maxLength: 3 }),
  }),
  fc.record({
    kind: fc.constant('claims' as const),
    edge: fc.constantFrom('in', 'b'),
    task: fc.nat(2),
    seen: fc.boolean(),
    further: fc.integer({ min: -1, max: 2 }),
    watermark: fc.option(fc.nat(300)),
    since: fc.nat(300),
    time: fc.nat(400),
  }),
);
type Event = typeof event extends fc.Arbitrary<infer T> ? T : never;

const edges: readonly EdgeTime[] = [
  { edge: 'in', bound: 20, idle: { policy: 'advance', after: 50, drift: 40 } },
  { edge: 'b', bound: 10, idle: { policy: 'exclude', after: 80, drift: 0 } },
];

/** Lets it happen; true if each step that could have moved the watermark was said to. */
function happen(channels: Channels, e: Event): boolean {
  const thru = channels.state(e.edge, e.task)?.thru ?? NOTHING;
  if (e.kind === 'claims') {
    const prev = e.seen ? thru : upTo(thru.cause + 1);
    const claim = claimOn({ edge: e.edge, task: e.task, prev, upTo: thru.cause + 1 + e.further, silentSince: e.since });
    channels.claim(claimsOf(e.time, [{ ...claim, watermark: e.watermark ?? undefined }]));
    return true;
  }
  const frame = frameOf({ edge: e.edge, task: e.task, channels: 2, prev: thru, thru: upTo(thru.cause + e.further) });
  channels.begin(frame);
  let honest = true;
  for (const step of e.steps) {
    const before = channels.watermark();
    const moved = channels.step(e.edge, e.task, step);
    if (!moved && reread(channels).value !== before.value) honest = false;
  }
  channels.end(frame);
  return honest;
}

/** The watermark without anything remembered. */
function reread(channels: Channels) {
  const fresh = new Channels(edges, 5);
  fresh.load(channels.entries(), channels.edges());
  return fresh.watermark();
}

describe('what is remembered between readings', () => {
  it('9: never differs from a reading anew, after any history', () => {
    fc.assert(
      fc.property(fc.array(event, { maxLength: 25 }), (events) => {
        const channels = new Channels(edges, 5);
        for (const e of events) {
          expect(happen(channels, e)).toBe(true);
          expect(channels.watermark()).toEqual(reread(channels));
        }
      }),
      { numRuns: 300 },
    );
  });

  it('6: what has been applied and said of time never falls', () => {
    fc.assert(
      fc.property(fc.array(event, { maxLength: 15 }), (events) => {
        const channels = new Channels(edges, 5);
        for (const e of events) {
          const before = channels.state(e.edge, e.task);
          happen(channels, e);
          const after = channels.state(e.edge, e.task);
          expect(comparePositions(after?.thru ?? NOTHING, before?.thru ?? NOTHING)).toBeGreaterThanOrEqual(0);
          expect(after?.watermark ?? MIN_TIME).toBeGreaterThanOrEqual(before?.watermark ?? MIN_TIME);
        }
      }),
    );
  });

  it('goes back to a mark, twice if need be', () => {
    fc.assert(
      fc.property(fc.array(event, { maxLength: 8 }), fc.array(event, { maxLength: 8 }), (before, after) => {
        const channels = new Channels(edges, 5);
        for (const e of before) happen(channels, e);
        const mark = channels.snapshot();
        const then = [channels.entries(), channels.edges(), channels.watermark()];
        for (let i = 0; i < 2; i++) {
          for (const e of after) happen(channels, e);
          channels.restore(mark);
          expect([channels.entries(), channels.edges(), channels.watermark()]).toEqual(then);
        }
      }),
    );
  });

  it('is the same after being stored and loaded', () => {
    fc.assert(
      fc.property(fc.array(event, { maxLength: 15 }), (events) => {
        const channels = new Channels(edges, 5);
        for (const e of events) happen(channels, e);
        const loaded = new Channels(edges, 5);
        loaded.load(channels.entries(), channels.edges());
        expect([loaded.entries(), loaded.edges()]).toEqual([channels.entries(), channels.edges()]);
        for (const e of events) {
          happen(channels, e);
          happen(loaded, e);
        }
        expect(loaded.watermark()).toEqual(channels.watermark());
      }),
    );
  });
});

describe('what was given out', () => {
  it('stands as it was, however many steps come after', () => {
    const channels = one();
    apply(channels, frameOf({ thru: upTo(1), steps: [0, 10] }));
    const begun = frameOf({ prev: upTo(1), thru: upTo(2), steps: [] });
    channels.begin(begun);
    const steps = (from: number): void => {
      for (let mark = from; mark < from + 3; mark++) channels.step('in', 0, mark);
    };
    steps(20);
    const mark = channels.snapshot();
    steps(30);
    const [entry] = channels.entries();
    steps(40);
    const state = channels.state('in', 0);
    steps(50);
    expect([entry?.watermark, state?.watermark, channels.watermark().value]).toEqual([32, 42, 52]);
    channels.restore(mark);
    expect(channels.watermark().value).toBe(22);
    steps(60);
    channels.restore(mark);
    expect(channels.watermark().value).toBe(22);
  });
});
