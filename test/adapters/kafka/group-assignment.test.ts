import { afterEach, describe, expect, it } from 'vitest';
import { KafkaGroupAssignment, type KafkaGroupOptions } from '../../../lib/adapters/kafka/group-assignment.ts';
import type { Exchange, OpenConnection } from '../../../lib/adapters/kafka/index.ts';
import { kafkajsConnections } from '../../../lib/adapters/kafka/kafkajs-broker-connection.ts';
import { recordingTelemetry } from '../../../lib/adapters/telemetry/index.ts';
import { MillraceError } from '../../../lib/model/index.ts';
import type { Share } from '../../../lib/ports/index.ts';
import { skipNote } from '../../conformance/opened.ts';
import { useKafka } from '../../services/kafka.ts';
import { ownName } from './opened-kafka.ts';

const kafka = await useKafka();

const items = ['(pump)', 'count/0', 'count/1', 'count/2', 'in/0', 'in/1'];

/** A worker that has nothing to do. */
class Idler {
  readonly assignment: KafkaGroupAssignment;
  /** Every share told. */
  readonly shares: Share[] = [];
  warm: readonly string[] = [];
  /** How long it takes to let go of something. */
  slowness = 0;

  constructor(group: string, options: Partial<KafkaGroupOptions> = {}, open?: OpenConnection) {
    const telemetry = recordingTelemetry();
    const connection = { brokers: [kafka.running!.address] };
    const quick = { sessionTimeout: 1_500, heartbeatPeriod: 50 };
    this.assignment = new KafkaGroupAssignment(connection, { group, telemetry, ...quick, ...options }, open);
  }

  start(offered: readonly string[] = items): this {
    this.assignment.offer(offered);
    this.assignment.join({
      take: async (share) => {
        const loses = [...(this.shares.at(-1)?.own ?? [])].some((item) => !share.own.has(item));
        if (loses) await new Promise((resolve) => setTimeout(resolve, this.slowness));
        this.shares.push(share);
      },
      warm: () => this.warm,
    });
    return this;
  }

  get own(): readonly string[] {
    return [...(this.shares.at(-1)?.own ?? [])].sort();
  }

  get copies(): readonly string[] {
    return [...(this.shares.at(-1)?.copies ?? [])].sort();
  }
}

/** Connections that can be cut. */
class Cut {
  off = false;
  readonly open: OpenConnection = async (address) => {
    const link = await kafkajsConnections({ brokers: [kafka.running!.address] })(address);
    const send: typeof link.send = async (exchange, patience) => {
      if (this.off) throw new MillraceError('unavailable', 'the line is cut');
      return link.send(exchange, patience);
    };
    return {
      get open() {
        return link.open;
      },
      send,
      close: () => link.close(),
    };
  };
}

/** A broker that makes everybody the only member of his group, until it falls silent. */
class LoneBroker {
  silent = false;
  connects = true;
  readonly said: string[] = [];

  readonly open: OpenConnection = () => {
    if (!this.connects) return new Promise(() => {});
    const closed = Promise.withResolvers<never>();
    closed.promise.catch(() => {});
    return Promise.resolve({
      open: true,
      close: () => closed.reject(new MillraceError('unavailable', 'the connection was closed')),
      send: async <T>({ name }: Exchange<T>): Promise<T> => {
        this.said.push(name);
        return (this.silent ? await closed.promise : this.#answer(name)) as T;
      },
    });
  };

  #answer(name: string): unknown {
    switch (name) {
      case 'FindCoordinator':
        return { error: 0, message: undefined, node: 0, address: 'lone:1' };
      case 'JoinGroup':
        return { error: 0, generation: 1, leader: 'other', memberId: 'me', members: [] };
      case 'SyncGroup':
        return { error: 0, share: Buffer.from('{"own":[],"copies":[]}') };
      default:
        return 0;
    }
  }
}

describe('a member whose broker does not answer', () => {
  const memberOf = (broker: LoneBroker): KafkaGroupAssignment => {
    const options = { group: 'g', telemetry: recordingTelemetry(), heartbeatPeriod: 10 };
    const assignment = new KafkaGroupAssignment({ brokers: ['lone:1'] }, options, broker.open);
    assignment.join({ take: async () => {}, warm: () => [] });
    return assignment;
  };
  const leavingTakes = async (assignment: KafkaGroupAssignment): Promise<number> => {
    const began = performance.now();
    await assignment.leave().catch(() => {});
    return performance.now() - began;
  };

  it('ends at once while it is looking for the group', async () => {
    const broker = new LoneBroker();
    broker.connects = false;
    expect(await leavingTakes(memberOf(broker))).toBeLessThan(500);
    const silent = new LoneBroker();
    silent.silent = true;
    const member = memberOf(silent);
    await expect.poll(() => silent.said).toEqual(['FindCoordinator']);
    expect(await leavingTakes(member)).toBeLessThan(500);
  });

  it('does not wait long for the group to hear that it leaves', async () => {
    const broker = new LoneBroker();
    const member = memberOf(broker);
    await expect.poll(() => broker.said).toContain('Heartbeat');
    expect(member.isCurrent()).toBe(true);
    broker.silent = true;
    const leaving = leavingTakes(member);
    expect(member.isCurrent()).toBe(false);
    expect(await leaving).toBeLessThan(4_000);
    expect(member.isCurrent()).toBe(false);
  });
});

describe.skipIf(kafka.missing)(`a group at a real broker${skipNote(kafka.missing)}`, () => {
  const idlers: Idler[] = [];
  const begin = (
    group: string,
    options?: Partial<KafkaGroupOptions>,
    offered?: readonly string[],
    open?: OpenConnection,
  ): Idler => {
    const idler = new Idler(group, options, open).start(offered);
    idlers.push(idler);
    return idler;
  };
  afterEach(async () => {
    await Promise.all(idlers.splice(0).map(({ assignment }) => assignment.leave()));
  });
  const shared = (...of: Idler[]): string[] => of.flatMap(({ own }) => own).sort();

  it('gives its only member everything', async () => {
    const a = begin(ownName('group'));
    await expect.poll(() => a.own, { timeout: 10_000 }).toEqual(items);
  });

  it('shares with a newcomer: what stays is never let go of, what moves is first let go of', async () => {
    const group = ownName('group');
    const a = begin(group);
    await expect.poll(() => a.own, { timeout: 10_000 }).toEqual(items);
    a.slowness = 300;
    const b = begin(group);
    await expect.poll(() => [a.own.length, b.own.length], { timeout: 10_000 }).toEqual([3, 3]);
    expect(shared(a, b)).toEqual(items);
    const keeps = (share: Share): boolean => a.own.every((item) => share.own.has(item));
    expect(a.shares.filter((share) => !keeps(share))).toEqual([]);
    expect(b.shares[0]!.own.size).toBe(0);
  });

  it('gives the share of one that leaves to the others at once', async () => {
    const group = ownName('group');
    const [a, b] = [begin(group, { sessionTimeout: 30_000 }), begin(group, { sessionTimeout: 30_000 })];
    await expect.poll(() => shared(a, b), { timeout: 10_000 }).toEqual(items);
    await expect.poll(() => b.own.length, { timeout: 10_000 }).toBe(3);
    const began = performance.now();
    await b.assignment.leave();
    idlers.splice(idlers.indexOf(b), 1);
    await expect.poll(() => a.own, { timeout: 10_000 }).toEqual(items);
    expect(performance.now() - began).toBeLessThan(3_000);
  });

  it('tells everybody of items that one member has seen to be new', async () => {
    const group = ownName('group');
    const [a, b] = [begin(group), begin(group)];
    await expect.poll(() => shared(a, b), { timeout: 10_000 }).toEqual(items);
    const more = [...items, 'in/2', 'in/3'];
    b.assignment.offer(more);
    await expect.poll(() => shared(a, b), { timeout: 10_000 }).toEqual(more);
  });

  it('says whose tasks to keep copies of', async () => {
    const group = ownName('group');
    const [a, b] = [begin(group, { copies: 1 }), begin(group, { copies: 1 })];
    await expect.poll(() => [a.own.length, b.own.length], { timeout: 10_000 }).toEqual([3, 3]);
    const isTask = (item: string): boolean => item.includes('/');
    const copied = [b.own.filter(isTask), a.own.filter(isTask)];
    await expect.poll(() => [a.copies, b.copies], { timeout: 10_000 }).toEqual(copied);
  });

  it('gives the share of one that is cut off to others, when that one no longer counts itself in', async () => {
    const group = ownName('group');
    const cut = new Cut();
    const a = begin(group, {}, items, cut.open);
    await expect.poll(() => a.own, { timeout: 10_000 }).toEqual(items);
    const b = begin(group);
    await expect.poll(() => [a.own.length, b.own.length], { timeout: 10_000 }).toEqual([3, 3]);
    expect(a.assignment.isCurrent()).toBe(true);
    cut.off = true;
    let wasCurrent = true;
    while (b.own.length < items.length) {
      wasCurrent = a.assignment.isCurrent();
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect(wasCurrent).toBe(false);
    expect(a.own).toHaveLength(3);
    cut.off = false;
    await expect.poll(() => [a.own.length, b.own.length], { timeout: 10_000 }).toEqual([3, 3]);
    expect(shared(a, b)).toEqual(items);
    expect(a.assignment.isCurrent()).toBe(true);
  });

  it('does not know those of another name', async () => {
    const [a, b] = [begin(ownName('group')), begin(ownName('group'))];
    await expect.poll(() => [a.own, b.own], { timeout: 10_000 }).toEqual([items, items]);
  });
});
