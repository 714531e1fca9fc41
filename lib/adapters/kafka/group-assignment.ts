/**
 * Tasks shared out among the members of a Kafka group. The group is of a type of its own, as Kafka Connect's is: it has members, a leader and generations,
 * but no subscriptions and no offsets, and what it shares out are names.
 *
 * 1. A member goes on with what it has while the group changes; only what moves is let go of, after the step under way, and is another's only then.
 * 2. A member that the group has given up (it slept, or was cut off) goes on as well until it hears of it. Commits see to it that this does no harm.
 * 3. What fails is tried again until `leave`.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { MillraceError, messageOf } from '../../model/index.ts';
import type { Assignee, Assignment, Telemetry } from '../../ports/index.ts';
import { brokerError } from './broker-error.ts';
import type { OpenConnection } from './exchange.ts';
import { GroupLink } from './group-link.ts';
import { GroupCode, heartbeat, type Joined, joinGroup, leaveGroup, syncGroup } from './group-requests.ts';
import { type KafkaConnection, kafkajsConnection } from './kafka-connection.ts';
import { kafkajsConnections } from './kafkajs-broker-connection.ts';
import { type Claimant, type Dealt, shareOut } from './share-out.ts';

export interface KafkaGroupOptions {
  /** Name of the group. Members of one name share the same items. */
  readonly group: string;
  readonly telemetry: Telemetry;
  /** Milliseconds without a sign of life after which a member's share goes to others. The broker has bounds for it; 6 seconds is the least by default. Default: 10 seconds. */
  readonly sessionTimeout?: number;
  /** Milliseconds between two signs of life: how long a member may not have heard that the group changes. Default: a tenth of the session timeout, at most 1 second. */
  readonly heartbeatPeriod?: number;
  /** How many other members keep a copy of each task's state. Default: 0. */
  readonly copies?: number;
}

/** What members write of themselves. */
interface Said {
  readonly generation: number;
  readonly owned: readonly string[];
  readonly warm: readonly string[];
  readonly items: readonly string[];
}

const PROTOCOL = 'millrace-1';
const FIRST_PAUSE = 100;
const LONGEST_PAUSE = 5_000;
/** Milliseconds that leaving the group may take. */
const FAREWELL = 3_000;

const asBytes = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));

export class KafkaGroupAssignment implements Assignment {
  readonly #options: KafkaGroupOptions;
  readonly #link: GroupLink;
  readonly #leaving = new AbortController();
  #items: readonly string[] = [];
  /** Shares that the assignee has taken or is taking: the items of all of them are held. */
  #shares: readonly ReadonlySet<string>[] = [];
  #generation = -1;
  #memberId = '';
  /** Something has changed that the group must hear of. */
  #news = false;
  /** Until when the group cannot have given this member up: by the monotonic clock, and by the wall clock, which runs on while the machine sleeps. */
  #currentUntil = { monotonic: 0, wall: 0 };
  #wake = new AbortController();
  #running: Promise<void> = Promise.resolve();

  /** `open`: another client library than kafkajs. */
  constructor(
    connection: KafkaConnection,
    options: KafkaGroupOptions,
    open: OpenConnection = kafkajsConnections(connection),
  ) {
    this.#options = options;
    this.#link = new GroupLink(open, kafkajsConnection(connection).brokers, options.group);
  }

  offer(items: readonly string[]): void {
    this.#items = items;
    this.#tell();
  }

  join(assignee: Assignee): void {
    this.#running = this.#run(assignee);
  }

  isCurrent(): boolean {
    return performance.now() < this.#currentUntil.monotonic && Date.now() < this.#currentUntil.wall;
  }

  /** Tells the group, unless that takes longer than a moment: then the session's end tells it. */
  async leave(): Promise<void> {
    this.#leaving.abort();
    this.#currentUntil = { monotonic: 0, wall: 0 };
    this.#wake.abort();
    this.#link.drop();
    await this.#running;
    const enough = setTimeout(() => this.#link.close(), FAREWELL);
    try {
      if (this.#memberId !== '') await this.#link.send(leaveGroup(this.#options.group, this.#memberId));
    } finally {
      clearTimeout(enough);
      this.#link.close();
    }
  }

  /** The group is to hear of something. */
  #tell(): void {
    this.#news = true;
    this.#wake.abort();
  }

  async #run(assignee: Assignee): Promise<void> {
    const { signal } = this.#leaving;
    let pause = FIRST_PAUSE;
    while (!signal.aborted) {
      try {
        if (await this.#joined(assignee)) {
          pause = FIRST_PAUSE;
          await this.#beat();
        }
      } catch (error) {
        if (signal.aborted) return;
        this.#link.drop();
        this.#options.telemetry.log('warn', `the group ${this.#options.group} cannot be reached: ${messageOf(error)}`);
        await sleep(pause * (0.5 + Math.random()), undefined, { signal }).catch(() => {});
        pause = Math.min(LONGEST_PAUSE, 2 * pause);
      }
    }
  }

  /** Joins, or joins again. False if that has to be done once more. */
  async #joined(assignee: Assignee): Promise<boolean> {
    const { group, copies = 0 } = this.#options;
    this.#news = false;
    const joined = await this.#link.send(this.#joinRequest(assignee), this.#rebalanceTimeout + 5_000);
    if (joined.error === GroupCode.memberIdRequired) {
      this.#memberId = joined.memberId;
      return false;
    }
    if (!this.#accepted(joined.error, 'joining')) return false;
    this.#memberId = joined.memberId;
    const { memberId, generation } = joined;
    const shares = joined.leader === memberId ? [...decide(joined, copies)] : [];
    const dealt = shares.map(([id, share]) => ({ id, share: asBytes(share) }));
    const now = this.#now();
    const synced = await this.#link.send(
      syncGroup({ group, generation, memberId }, dealt),
      this.#rebalanceTimeout + 5_000,
    );
    if (!this.#accepted(synced.error, 'taking a share of')) return false;
    this.#countFrom(now);
    this.#generation = generation;
    this.#take(assignee, JSON.parse(synced.share.toString()) as Dealt);
    return true;
  }

  #joinRequest(assignee: Assignee) {
    const { group } = this.#options;
    const said: Said = {
      generation: this.#generation,
      owned: [...this.#held],
      warm: assignee.warm(),
      items: this.#items,
    };
    return joinGroup({
      group,
      memberId: this.#memberId,
      protocol: PROTOCOL,
      metadata: asBytes(said),
      sessionTimeout: this.#sessionTimeout,
      rebalanceTimeout: this.#rebalanceTimeout,
    });
  }

  /** Hands the share on. When what is not in it has been let go of, the group hears that it may be another's. */
  #take(assignee: Assignee, { own, copies }: Dealt): void {
    const share = new Set(own);
    this.#shares = [...this.#shares, share];
    void assignee.take({ own: share, copies: new Set(copies) }).then(() => {
      const before = this.#held.size;
      this.#shares = this.#shares.slice(this.#shares.indexOf(share));
      if (this.#held.size < before && !this.#leaving.signal.aborted) this.#tell();
    });
  }

  get #held(): ReadonlySet<string> {
    return new Set(this.#shares.flatMap((share) => [...share]));
  }

  /** Says that the member lives, until the group changes or has to. */
  async #beat(): Promise<void> {
    const { group } = this.#options;
    while (!this.#leaving.signal.aborted && !this.#news) {
      this.#wake = new AbortController();
      if (this.#news) return;
      await sleep(this.#period, undefined, { signal: this.#wake.signal }).catch(() => {});
      if (this.#leaving.signal.aborted || this.#news) return;
      const said = { group, generation: this.#generation, memberId: this.#memberId };
      const now = this.#now();
      if (!this.#accepted(await this.#link.send(heartbeat(said), this.#sessionTimeout), 'staying in')) return;
      this.#countFrom(now);
    }
  }

  /** Whether the group said yes; false where the member has to join again. Throws what else it said. */
  #accepted(code: number, what: string): boolean {
    switch (code) {
      case 0:
        return true;
      case GroupCode.unknownMember:
      case GroupCode.fencedInstance:
        this.#currentUntil = { monotonic: 0, wall: 0 };
        this.#memberId = '';
        return false;
      case GroupCode.illegalGeneration:
      case GroupCode.rebalanceInProgress:
        return false;
      default:
        throw brokerError(code, `${what} the group ${this.#options.group}`);
    }
  }

  #now() {
    return { monotonic: performance.now(), wall: Date.now() };
  }

  /** The group has heard from this member, at this time or later: it waits for the next sign at least so long. */
  #countFrom({ monotonic, wall }: { readonly monotonic: number; readonly wall: number }): void {
    if (this.#leaving.signal.aborted) return;
    this.#currentUntil = { monotonic: monotonic + this.#sessionTimeout, wall: wall + this.#sessionTimeout };
  }

  get #sessionTimeout(): number {
    return this.#options.sessionTimeout ?? 10_000;
  }

  get #rebalanceTimeout(): number {
    return Math.max(10_000, this.#sessionTimeout);
  }

  get #period(): number {
    return this.#options.heartbeatPeriod ?? Math.min(1_000, this.#sessionTimeout / 10);
  }
}

/** What the leader decides. */
function decide({ members }: Joined, copies: number): ReadonlyMap<string, Dealt> {
  return shareOut(
    members.map(({ id, metadata }): Claimant => ({ id, ...saidBy(id, metadata) })),
    copies,
  );
}

function saidBy(id: string, metadata: Buffer): Said {
  try {
    return JSON.parse(metadata.toString()) as Said;
  } catch (cause) {
    throw new MillraceError('incompatible', `member ${id} of the group says what nobody understands`, { cause });
  }
}
