import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { MemoryBlobStore, MemoryCommitStore, MemoryLog } from '../../../lib/adapters/memory/index.ts';
import { ManualClock, SeededRandom } from '../../../lib/adapters/simulated/index.ts';
import { recordingTelemetry } from '../../../lib/adapters/telemetry/index.ts';
import { EmbeddedRun } from '../../../lib/hosts/embedded/index.ts';
import {
  boundedOutOfOrderness,
  count,
  type Duration,
  days,
  epochMillis,
  milliseconds,
  pipeline,
  type SourceOptions,
  seconds,
  sum,
  toMemory,
  tumbling,
} from '../../../lib/index.ts';
import { Feed } from '../../../lib/testing/index.ts';

interface Row {
  readonly at: number;
}

interface Counted {
  readonly windowEnd: number;
  readonly n: number;
}

const POLL = 500;
const PUMP = 1_000;
const BOUND = 1_000;
const WINDOW = 10_000;
/** How long a window that is due may wait: for the next poll, the next round, and the steps they set off. */
const SOON = PUMP + 2 * POLL;

/** Windows of ten seconds over a source whose event time follows the wall clock, run by the embedded host. Times are milliseconds since its start. */
class Live {
  readonly clock = new ManualClock();
  readonly telemetry = recordingTelemetry();
  readonly out = toMemory<Counted>();
  /** Windows of twice the size over the results. */
  readonly pairs = toMemory<Counted>();
  readonly feed: Feed<Row>;
  readonly #start = this.clock.now();
  readonly #log = new MemoryLog(this.clock);
  appends = 0;
  run!: EmbeddedRun;

  constructor(partitions: number) {
    this.feed = new Feed<Row>(partitions, () => this.clock.now());
  }

  static async open(partitions: number, options: SourceOptions<Row> = {}): Promise<Live> {
    const live = new Live(partitions);
    const built = pipeline(
      'live',
      (p) => {
        const counts = p
          .source('in', live.feed, {
            eventTime: (r) => epochMillis(r.at),
            watermark: boundedOutOfOrderness(milliseconds(BOUND)),
            idleAfter: seconds(5),
            ...options,
          })
          .keyBy('all', () => 'all')
          .window(tumbling(milliseconds(WINDOW)))
          .aggregate('counts', { n: count() });
        counts.to('out', live.out);
        counts
          .keyBy('again', () => 'all')
          .window(tumbling(milliseconds(2 * WINDOW)))
          .aggregate('pairs', { n: sum((r) => r.n) })
          .to('out-pairs', live.pairs);
      },
      { parallelism: 2 },
    );
    const append = live.#log.append.bind(live.#log);
    live.#log.append = (entries) => {
      live.appends += entries.length;
      return append(entries);
    };
    const ports = {
      log: live.#log,
      commits: new MemoryCommitStore({ volatile: true }),
      blobs: new MemoryBlobStore(),
      atomic: undefined,
      clock: live.clock,
      random: new SeededRandom(1),
      telemetry: live.telemetry,
    };
    live.run = await EmbeddedRun.open(built, ports, {
      durable: false,
      runId: 'live',
      pollPeriod: milliseconds(POLL),
      pumpPeriod: milliseconds(PUMP),
    });
    const ended = live.run.run();
    onTestFinished(async () => {
      live.run.stop();
      await live.#turns();
      expect(await ended).toMatchObject({ error: undefined });
    });
    await live.#turns();
    return live;
  }

  /** Milliseconds since the start. */
  get now(): number {
    return this.clock.now() - this.#start;
  }

  /** A record in a partition, which happened `ago` before now. */
  say(partition: number, ago = 0): void {
    this.feed.push(partition, [{ at: this.clock.now() - ago }]);
  }

  /** A record of long ago. */
  sayOf(partition: number, at: number): void {
    this.feed.push(partition, [{ at: this.#start + at }]);
  }

  /** Lets time pass, and everything happen that is due. */
  async pass(span: number, each?: () => void): Promise<void> {
    for (let left = span; left > 0; left -= POLL) {
      each?.();
      this.clock.advance(Math.min(POLL, left) as Duration);
      await this.#turns();
    }
  }

  /** Windows that have closed: their ends since the start, with their counts. */
  get closed(): Record<number, number> {
    const found: Record<number, number> = {};
    for (const { windowEnd, n } of this.out.records) {
      const end = windowEnd - this.#start;
      expect(found[end]).toBeUndefined();
      found[end] = n;
    }
    return found;
  }

  get late(): number {
    return this.telemetry.counter('millrace.records.late');
  }

  async #turns(): Promise<void> {
    for (let i = 0; i < 8; i++) await new Promise((resolve) => setImmediate(resolve));
  }
}

describe('a silent partition among busy ones', () => {
  it('16: does not keep windows open: they close within the pump’s period', async () => {
    const live = await Live.open(3);
    await live.pass(4_000, () => [0, 1, 2].map((p) => live.say(p)));
    for (const end of [10_000, 20_000, 30_000]) {
      await live.pass(end + BOUND - live.now, () => [0, 1].map((p) => live.say(p)));
      expect(Object.keys(live.closed)).not.toContain(String(end));
      await live.pass(SOON, () => [0, 1].map((p) => live.say(p)));
      expect(Object.keys(live.closed)).toContain(String(end));
    }
    expect(live.closed).toEqual({ 10000: 8 * 3 + 12 * 2, 20000: 40, 30000: 40 });
    expect(live.late).toBe(0);
  });

  it('16: that never had a record keeps them open for `idleAfter`, and no longer', async () => {
    const live = await Live.open(2, { idleAfter: seconds(15) });
    await live.pass(14_500, () => live.say(0));
    expect(live.closed).toEqual({});
    await live.pass(500 + SOON, () => live.say(0));
    expect(live.closed).toEqual({ 10000: 20 });
    await live.pass(30_000 + BOUND + SOON - live.now, () => live.say(0));
    live.say(1);
    await live.pass(20_000, () => live.say(0));
    expect(live.late).toBe(0);
    expect(Object.keys(live.closed)).toEqual(['10000', '20000', '30000', '40000', '50000']);
  });
});

describe('silence everywhere', () => {
  it('16: lets time go on with the wall clock, so that the last windows close', async () => {
    const live = await Live.open(2);
    await live.pass(3_000, () => [0, 1].map((p) => live.say(p)));
    await live.pass(10_000 + BOUND - 500 - live.now);
    expect(live.closed).toEqual({});
    await live.pass(500 + SOON);
    expect(live.closed).toEqual({ 10000: 12 });
  });

  it('16: with nothing pending nothing is appended, and with something it is closed and then nothing is', async () => {
    const live = await Live.open(2);
    await live.pass(60_000);
    expect(live.appends).toBe(0);
    [0, 1].map((p) => live.say(p));
    await live.pass(30_000);
    expect(live.closed).toEqual({ 70000: 2 });
    const { appends } = live;
    await live.pass(60_000);
    expect(live.appends).toBe(appends);
  });

  it('8: however partitions fall silent and come back, nothing within the bound is late, and every window closes', async () => {
    const spell = fc.record({
      spans: fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 3, maxLength: 3 }),
      talks: fc.array(fc.boolean(), { minLength: 3, maxLength: 3 }),
      ago: fc.array(fc.nat(BOUND), { minLength: 1, maxLength: 4 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(spell, { minLength: 2, maxLength: 5 }), async (spells) => {
        const live = await Live.open(3);
        let said = 0;
        for (const { spans, talks, ago } of spells) {
          for (let turn = 0; turn < Math.max(...spans); turn++) {
            for (const p of [0, 1, 2]) {
              if (!talks[p] || turn >= spans[p]!) continue;
              live.say(p, ago[turn % ago.length]!);
              said++;
            }
            await live.pass(POLL);
          }
        }
        await live.pass(WINDOW + BOUND + SOON + 6_000);
        expect(live.late).toBe(0);
        expect(Object.values(live.closed).reduce((a, b) => a + b, 0)).toBe(said);
      }),
      { numRuns: 12 },
    );
  });
});

describe('the policy for silence', () => {
  /** Both talk for three seconds, then the second is silent; what is closed after so long. */
  const endedAfter = async (span: number, options: SourceOptions<Row>): Promise<number[]> => {
    const live = await Live.open(2, options);
    await live.pass(3_000, () => [0, 1].map((p) => live.say(p)));
    await live.pass(span, () => live.say(0));
    expect(live.late).toBe(0);
    return Object.keys(live.closed).map(Number);
  };

  it('`hold`: time waits for it', async () => {
    expect(await endedAfter(60_000, { idle: 'hold' })).toEqual([]);
  });

  it('`advance`: time goes on with the wall clock at once', async () => {
    expect(await endedAfter(20_000, { idle: 'advance', idleAfter: seconds(300) })).toEqual([10_000, 20_000]);
  });

  it('`exclude`: it counts no more after `idleAfter`, and what it brings from further behind is late', async () => {
    const live = await Live.open(2, { idle: 'exclude' });
    await live.pass(3_000, () => [0, 1].map((p) => live.say(p)));
    await live.pass(20_000, () => live.say(0));
    expect(Object.keys(live.closed)).toEqual(['10000', '20000']);
    live.sayOf(1, 5_000);
    await live.pass(2_000, () => live.say(0));
    expect(live.late).toBe(1);
  });
});

describe('history being replayed', () => {
  const OLD = -90 * 86_400_000;

  /** Partition 0 has one record of three months ago and no more; partition 1 replays a minute of two months ago. */
  async function replaying(options: SourceOptions<Row>): Promise<Live> {
    const live = await Live.open(2, options);
    live.sayOf(0, OLD);
    for (let second = 0; second < 60; second++) live.sayOf(1, OLD / 2 + second * 1_000);
    return live;
  }

  it('16: a drained partition far behind stops holding back the rest after `idleAfter`', async () => {
    const live = await replaying({});
    await live.pass(4_500);
    expect(live.closed).toEqual({});
    await live.pass(500 + SOON);
    const ends = Object.keys(live.closed).map((end) => Number(end) - OLD / 2);
    expect(ends.sort((a, b) => a - b)).toEqual([OLD / 2 + WINDOW, 10_000, 20_000, 30_000, 40_000, 50_000, 60_000]);
  });

  it('holds them back as long as it is not that far', async () => {
    const live = await replaying({ idleDrift: days(365) });
    await live.pass(60_000);
    expect(Object.keys(live.closed)).toEqual([String(OLD + WINDOW)]);
  });

  it('8: what it brings live when it speaks again is not late', async () => {
    const live = await replaying({});
    await live.pass(10_000);
    live.say(0, BOUND);
    live.say(1);
    await live.pass(1_000);
    live.say(0, BOUND);
    await live.pass(20_000 + BOUND + SOON);
    expect(live.late).toBe(0);
    expect(live.closed).toMatchObject({ 20000: 2 });
  });
});
