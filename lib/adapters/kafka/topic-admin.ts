import { MillraceError } from '../../model/index.ts';
import type { Topic } from '../../ports/index.ts';
import { Attempts } from './attempts.ts';
import { brokerError, Code } from './broker-error.ts';
import type { BrokerLinks } from './broker-links.ts';
import type { Exchange } from './exchange.ts';
import type { TopicCatalog } from './topic-catalog.ts';
import { createTopic, deleteTopic, type NewTopic, type Outcome, settingsOf, widenTopic } from './topic-requests.ts';

/** Makes, widens and deletes topics, and waits until brokers know of it. */
export class TopicAdmin {
  readonly #links: BrokerLinks;
  readonly #catalog: TopicCatalog;
  readonly #patience: number;

  constructor(links: BrokerLinks, catalog: TopicCatalog, patience: number) {
    this.#links = links;
    this.#catalog = catalog;
    this.#patience = patience;
  }

  /** The topic, made if it does not exist, widened if it has fewer partitions; with `made` false its settings are as they were. */
  async ensure(wanted: NewTopic): Promise<{ readonly topic: Topic; readonly made: boolean }> {
    const attempts = new Attempts(this.#patience);
    const { name, partitions } = wanted;
    let made = false;
    for (;;) {
      const known = await this.#catalog.fresh(name);
      const isThere = known !== undefined && known.topic.partitions >= partitions;
      if (isThere && known.leaders.every((leader) => leader >= 0)) return { topic: known.topic, made };
      if (attempts.over)
        throw new MillraceError('unavailable', `the topic did not come about in time: ${name}`, {
          where: { topic: name },
        });
      if (known === undefined) {
        const error = await this.#order(createTopic(wanted, this.#patience), 'CREATE of', name, attempts);
        made ||= error === 0;
      } else if (!isThere) await this.#order(widenTopic(name, partitions, this.#patience), 'ALTER of', name, attempts);
      await attempts.pause();
    }
  }

  /** Deletes a topic if it exists. */
  async delete(name: string): Promise<void> {
    const attempts = new Attempts(this.#patience);
    await this.#order(deleteTopic(name, this.#patience), 'DELETE of', name, attempts);
    this.#catalog.forget(name);
    while ((await this.#catalog.fresh(name)) !== undefined && !attempts.over) await attempts.pause();
  }

  /** Settings in force; undefined if the user may not see them. */
  async settings(topic: string, names: readonly string[]): Promise<ReadonlyMap<string, string> | undefined> {
    const answer = await this.#links.sendAny(settingsOf(topic, names));
    if (answer.error === Code.topicAuthorization || answer.error === Code.clusterAuthorization) return undefined;
    if (answer.error !== 0) throw brokerError(answer.error, 'DESCRIBE CONFIGS of', { topic }, answer.message);
    return answer.settings;
  }

  /** Carried out by the controller; what somebody else has done in the meantime is no error. */
  async #order(order: Exchange<Outcome>, operation: string, topic: string, attempts: Attempts): Promise<number> {
    for (;;) {
      let failure: MillraceError;
      try {
        const { error, message } = await this.#links.send(
          this.#catalog.controller,
          'main',
          order,
          this.#patience + 5_000,
        );
        if (error === 0 || settled.has(error)) return error;
        failure = brokerError(error, operation, { topic }, message);
      } catch (thrown) {
        failure = thrown as MillraceError;
      }
      if (!(failure instanceof MillraceError) || !failure.retry || attempts.over) throw failure;
      await attempts.pause();
      await this.#catalog.brokers().catch(() => {});
    }
  }
}

const settled: ReadonlySet<number> = new Set([Code.topicExists, Code.invalidPartitions, Code.unknownTopicOrPartition]);
