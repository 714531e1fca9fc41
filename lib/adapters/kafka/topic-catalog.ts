import { setTimeout as sleep } from 'node:timers/promises';
import { MillraceError } from '../../model/index.ts';
import type { Topic } from '../../ports/index.ts';
import { attempt } from './attempts.ts';
import { brokerError, Code } from './broker-error.ts';
import type { BrokerLinks } from './broker-links.ts';
import { type ClusterState, metadataOf } from './metadata-request.ts';

/** A topic and who leads its partitions. */
export interface KnownTopic {
  readonly topic: Topic;
  /** Node ids, -1 where there is no leader. */
  readonly leaders: readonly number[];
}

/** How often, and how far apart in milliseconds, brokers are asked again before a topic counts as gone or another one. */
const LOOKS = 4;
const BETWEEN_LOOKS = 150;

/**
 * What is known of topics. Brokers learn of changes one after another, so an answer may be a moment old: what nobody could take back
 * (a topic is gone, or another one has its name) is believed only after several looks.
 */
export class TopicCatalog {
  readonly #links: BrokerLinks;
  readonly #patience: number;
  readonly #known = new Map<string, KnownTopic>();
  readonly #asking = new Map<string, Promise<KnownTopic | undefined>>();
  #next: Promise<ClusterState> | undefined;
  #wanted = new Set<string>();
  #controller = -1;

  constructor(links: BrokerLinks, patience: number) {
    this.#links = links;
    this.#patience = patience;
  }

  /** Node id of the controller, as last heard. */
  get controller(): number {
    return this.#controller;
  }

  /** What was last heard of a topic, if anything was. */
  known(name: string): KnownTopic | undefined {
    return this.#known.get(name);
  }

  /** Asks again when the topic is next needed. */
  forget(name: string): void {
    this.#known.delete(name);
  }

  /** The topic as brokers say now; undefined if there is none. Many who ask at the same time share a request. */
  fresh(name: string): Promise<KnownTopic | undefined> {
    const asking = this.#asking.get(name);
    if (asking !== undefined) return asking;
    const answer = attempt(this.#patience, () => this.#look(name)).finally(() => this.#asking.delete(name));
    this.#asking.set(name, answer);
    return answer;
  }

  /** As last heard, or now if nothing was. */
  async topic(name: string): Promise<KnownTopic | undefined> {
    return this.#known.get(name) ?? (await this.fresh(name));
  }

  /** The topic, which must exist; `data-lost` if it does not. */
  async existing(name: string): Promise<KnownTopic> {
    const known = await this.topic(name);
    if (known !== undefined) return known;
    return this.#insist(
      name,
      (found) => found !== undefined,
      () => noTopic(name),
    );
  }

  /** Looks until brokers agree that the topic is this incarnation, or that it is not: `data-lost`. */
  async confirm(topic: Topic): Promise<KnownTopic> {
    return this.#insist(
      topic.name,
      (found) => found?.topic.id === topic.id,
      (found) =>
        found === undefined
          ? noTopic(topic.name)
          : new MillraceError('data-lost', `the topic was deleted and created again: ${topic.name}`, {
              where: { topic: topic.name },
              hint: 'its messages are gone: restore from a savepoint, or start a new run',
            }),
    );
  }

  /** The topic with a partition of this number; `data-lost` if it has none. */
  async withPartition(name: string, partition: number): Promise<KnownTopic> {
    const known = await this.existing(name);
    if (partition < known.topic.partitions) return known;
    return this.#insist(
      name,
      (found) => found !== undefined && partition < found.topic.partitions,
      () =>
        new MillraceError('data-lost', `the topic has no partition ${partition}: ${name}`, {
          where: { topic: name, partition },
        }),
    );
  }

  async #insist(
    name: string,
    holds: (found: KnownTopic | undefined) => boolean,
    refusal: (found: KnownTopic | undefined) => MillraceError,
  ): Promise<KnownTopic> {
    for (let look = 1; ; look++) {
      const found = await this.fresh(name);
      if (holds(found)) return found!;
      if (look === LOOKS) throw refusal(found);
      await sleep(BETWEEN_LOOKS);
    }
  }

  async #look(name: string): Promise<KnownTopic | undefined> {
    const state = (await this.#ask(name)).topics.find((topic) => topic.name === name);
    if (state === undefined || state.error === Code.unknownTopicOrPartition) {
      this.#known.delete(name);
      return undefined;
    }
    if (state.error !== 0 && state.error !== Code.leaderNotAvailable) {
      throw brokerError(state.error, 'DESCRIBE of', { topic: name });
    }
    const known = {
      topic: { name, id: state.id, partitions: state.leaders.length },
      leaders: Array.from(state.leaders, (leader) => leader ?? -1),
    };
    this.#known.set(name, known);
    return known;
  }

  /** Names asked for in the same moment go in one request. */
  #ask(name: string): Promise<ClusterState> {
    this.#wanted.add(name);
    this.#next ??= Promise.resolve().then(() => {
      const names = [...this.#wanted];
      this.#wanted = new Set();
      this.#next = undefined;
      return this.#request(names);
    });
    return this.#next;
  }

  async #request(names: readonly string[]): Promise<ClusterState> {
    const state = await this.#links.sendAny(metadataOf(names));
    this.#links.know(state.brokers);
    this.#controller = state.controller;
    return state;
  }

  /** Asks for the brokers alone. */
  async brokers(): Promise<void> {
    await this.#request([]);
  }
}

const noTopic = (name: string): MillraceError =>
  new MillraceError('data-lost', `the topic does not exist: ${name}`, { where: { topic: name } });
