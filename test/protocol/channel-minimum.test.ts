import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_TIME, MIN_TIME, NOTHING } from '../../lib/model/index.ts';
import { type ChannelState, type EdgeTime, minimumOf } from '../../lib/protocol/index.ts';

const HOUR = 3_600_000;
const NOW = 1_000 * HOUR;
const SKEW = 1_000;
const BOUND = 60_000;

const edgeWith = (policy: 'advance' | 'exclude' | 'hold'): EdgeTime => ({
  edge: 'in',
  bound: BOUND,
  idle: { policy, after: 30_000, drift: HOUR },
});

const active = (watermark: number): ChannelState => ({
  edge: 'in',
  task: 0,
  thru: NOTHING,
  watermark,
  spoken: true,
  silent: undefined,
});
/** Silent for `quiet` milliseconds, as verified now. */
const silent = (watermark: number, quiet = HOUR): ChannelState => ({
  ...active(watermark),
  silent: { upTo: 0, since: NOW - quiet, verifiedAt: NOW },
});
const unspoken = (quiet?: number): ChannelState => ({
  ...(quiet === undefined ? active(MIN_TIME) : silent(MIN_TIME, quiet)),
  spoken: false,
});

const value = (channels: readonly ChannelState[], policy: 'advance' | 'exclude' | 'hold' = 'advance') =>
  minimumOf(
    channels,
    channels.map(() => edgeWith(policy)),
    SKEW,
  ).value;

/** The earliest that a live record may be, in the eyes of a drifted channel. */
const FLOOR = NOW - BOUND - SKEW;
const AFTER = 30_000 + SKEW;

describe('a silent channel under policy advance', () => {
  it('counts at its claim while that is near the rest', () => {
    expect(value([active(NOW), silent(NOW - HOUR)])).toBe(NOW - HOUR);
  });

  it('counts at what a live record may still bring once its claim is far behind', () => {
    expect(value([active(NOW), silent(NOW - HOUR - 1)])).toBe(FLOOR);
  });

  it('is left out if even that is far behind, since event time runs ahead of the clock', () => {
    const ahead = FLOOR + HOUR + 1;
    expect(value([active(ahead - 1), silent(5)])).toBe(FLOOR);
    expect(value([active(ahead), silent(5)])).toBe(ahead);
  });

  it('does not drift before its silence has lasted, as verified, longer than idleAfter and the clocks deviate', () => {
    expect(value([active(NOW), silent(5, AFTER - 1)])).toBe(5);
    expect(value([active(NOW), silent(5, AFTER)])).toBe(FLOOR);
  });

  it('counts again at its own watermark when it speaks', () => {
    expect(value([active(NOW), { ...silent(5), silent: undefined }])).toBe(5);
  });

  it('drifts behind the greatest claim if nobody is active', () => {
    const june = NOW - 50 * HOUR;
    expect(value([silent(june), silent(june - 30 * HOUR), silent(june - 1)])).toBe(june - 1);
  });

  it('is measured by the least of the active channels', () => {
    expect(value([active(NOW), active(100), silent(90)])).toBe(90);
  });

  it('never outruns an active channel', () => {
    expect(value([active(7 * HOUR), silent(5 * HOUR)])).toBe(7 * HOUR);
  });
});

describe('channels that have ended', () => {
  it('are neither active nor silent: nobody drifts for being behind them', () => {
    expect(value([active(MAX_TIME), silent(5)])).toBe(5);
    expect(value([active(MAX_TIME), silent(5), active(9)])).toBe(5);
    expect(value([silent(MAX_TIME), silent(5)])).toBe(5);
  });

  it('end the receiver when all have', () => {
    expect(value([active(MAX_TIME), silent(MAX_TIME)])).toBe(MAX_TIME);
  });
});

describe('a channel that never spoke', () => {
  it('holds everything back', () => {
    expect(value([active(NOW), unspoken()])).toBeUndefined();
  });

  it('holds everything back, silent or not, until idleAfter', () => {
    expect(value([active(NOW), unspoken(AFTER - 1)])).toBeUndefined();
    expect(value([active(NOW), unspoken(AFTER)])).toBe(FLOOR);
    expect(value([active(FLOOR - 5), unspoken(AFTER)])).toBe(FLOOR - 5);
  });

  it('lets the rest go on that has ended', () => {
    expect(value([active(MAX_TIME), unspoken(AFTER)])).toBe(FLOOR);
    expect(value([active(MAX_TIME), unspoken(AFTER)], 'exclude')).toBe(FLOOR);
  });
});

describe('policy exclude', () => {
  it('leaves a silent channel out however near it is', () => {
    expect(value([active(NOW), silent(NOW - 1)], 'exclude')).toBe(NOW);
    expect(value([active(NOW), silent(NOW - 1, AFTER - 1)], 'exclude')).toBe(NOW - 1);
  });

  it('goes by the furthest when all are silent, so that the last windows close', () => {
    expect(value([silent(70), silent(90)], 'exclude')).toBe(90);
  });

  it('does not end the receiver before the silent ones have', () => {
    expect(value([active(MAX_TIME), silent(90)], 'exclude')).toBe(90);
  });
});

describe('policy hold', () => {
  it('lets silent channels hold the others back for ever', () => {
    expect(value([active(NOW), silent(5)], 'hold')).toBe(5);
    expect(value([active(NOW), unspoken(HOUR)], 'hold')).toBeUndefined();
  });
});

describe('edges between stages', () => {
  it('know no silence', () => {
    const inner: EdgeTime = { edge: 'in', bound: 0, idle: undefined };
    expect(minimumOf([active(NOW), silent(5)], [inner, inner], SKEW).value).toBe(5);
  });
});

/** The rules once more, word for word, without regard to speed. */
function naive(channels: readonly ChannelState[], edges: readonly EdgeTime[], skew: number): number | undefined {
  const all = channels.map((channel, i) => {
    const { idle, bound } = edges[i] as EdgeTime;
    const ended = channel.watermark === MAX_TIME;
    const s = channel.silent;
    const verified =
      !ended &&
      s !== undefined &&
      idle !== undefined &&
      idle.policy !== 'hold' &&
      s.verifiedAt - s.since >= idle.after + skew;
    const floor = s === undefined ? Number.NaN : s.verifiedAt - bound - skew;
    return { claim: channel.watermark, spoken: channel.spoken, ended, verified, floor, idle };
  });
  if (all.some((c) => !c.verified && !c.spoken && c.claim === MIN_TIME)) return undefined;
  if (all.every((c) => c.ended)) return MAX_TIME;
  const counting = all.filter((c) => !c.ended);
  const going = counting.filter((c) => !c.verified).map((c) => c.claim);
  const drifting = counting.filter((c) => c.verified && c.idle?.policy === 'advance');
  const rest = going.length > 0 ? Math.min(...going) : Math.max(MIN_TIME, ...drifting.map((c) => c.claim));
  const counted = drifting.flatMap((c) => {
    const drift = c.idle?.drift as number;
    if (c.claim !== MIN_TIME && rest - c.claim <= drift) return [c.claim];
    const live = Math.max(c.claim, c.floor);
    return rest - live > drift ? [] : [live];
  });
  if (going.length + counted.length > 0) return Math.min(...going, ...counted);
  return Math.max(...counting.map((c) => (c.claim === MIN_TIME ? c.floor : c.claim)));
}

const channel = fc
  .record({
    watermark: fc.oneof(fc.nat(120), fc.constantFrom(MIN_TIME as number, MAX_TIME as number)),
    spoken: fc.boolean(),
    silent: fc.option(fc.record({ upTo: fc.constant(1), since: fc.nat(100), verifiedAt: fc.nat(200) })),
    policy: fc.constantFrom('advance' as const, 'advance' as const, 'exclude' as const, 'hold' as const, undefined),
    after: fc.nat(60),
    drift: fc.nat(60),
    bound: fc.nat(60),
  })
  .map((c) => ({
    state: { ...active(c.watermark), spoken: c.spoken || c.watermark !== MIN_TIME, silent: c.silent ?? undefined },
    edge: {
      edge: 'in',
      bound: c.bound,
      idle: c.policy === undefined ? undefined : { policy: c.policy, after: c.after, drift: c.drift },
    },
  }));

describe('the minimum', () => {
  it('9: is what the rules say, for any channels', () => {
    fc.assert(
      fc.property(fc.array(channel, { minLength: 1, maxLength: 5 }), fc.nat(10), (all, skew) => {
        const states = all.map((c) => c.state);
        const edges = all.map((c) => c.edge);
        const { value: least } = minimumOf(states, edges, skew);
        expect(least).toBe(naive(states, edges, skew));
      }),
      { numRuns: 2_000 },
    );
  });

  it('names a holder whose growth alone can raise it', () => {
    fc.assert(
      fc.property(fc.array(channel, { minLength: 1, maxLength: 4 }), fc.nat(3), fc.nat(200), (all, which, to) => {
        const states = all.map((c) => ({ ...c.state, silent: undefined }));
        const edges = all.map((c) => c.edge);
        const before = minimumOf(states, edges, 0);
        const moved = states[which];
        if (moved === undefined || which === before.holder || which === before.rest || to <= moved.watermark) return;
        states[which] = { ...moved, watermark: to, spoken: true };
        expect(minimumOf(states, edges, 0).value).toBe(before.value);
      }),
    );
  });
});
