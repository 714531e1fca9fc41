import { MillraceError } from '../../model/index.ts';
import type { BrokerConnection, Exchange, OpenConnection } from './exchange.ts';
import type { BrokerNode } from './metadata-request.ts';

/** What a connection is for: answers come in the order of requests, so what may take long has connections of its own. */
export type Channel = string;

/** Connections to the brokers of a cluster, opened when they are first needed and anew after they failed. */
export class BrokerLinks {
  readonly #open: OpenConnection;
  readonly #bootstrap: readonly string[];
  readonly #links = new Map<string, Promise<BrokerConnection>>();
  #nodes: readonly BrokerNode[] = [];
  #turn = 0;
  #closed = false;

  constructor(open: OpenConnection, bootstrap: readonly string[]) {
    this.#open = open;
    this.#bootstrap = bootstrap;
  }

  /** The brokers, as the cluster says. */
  know(nodes: readonly BrokerNode[]): void {
    if (nodes.length === 0) return;
    this.#nodes = nodes;
  }

  /** Sends to one broker. Throws `unavailable` if it cannot be reached or does not answer; the outcome is unknown then. */
  async send<T>(node: number, channel: Channel, exchange: Exchange<T>, patience?: number): Promise<T> {
    const known = this.#nodes.find(({ id }) => id === node);
    if (known === undefined) throw new MillraceError('unavailable', `the kafka broker ${node} is not known`);
    return (await this.#link(known.address, channel)).send(exchange, patience);
  }

  /** Sends to whichever broker answers: the known ones, then those of the configuration. */
  async sendAny<T>(exchange: Exchange<T>): Promise<T> {
    const addresses = [
      ...new Set([
        ...rotated(
          this.#nodes.map(({ address }) => address),
          this.#turn,
        ),
        ...rotated(this.#bootstrap, this.#turn),
      ]),
    ];
    let failure: unknown;
    for (const address of addresses) {
      try {
        return await (await this.#link(address, 'main')).send(exchange);
      } catch (thrown) {
        if (thrown instanceof MillraceError && !thrown.retry) throw thrown;
        failure ??= thrown;
        this.#turn++;
      }
    }
    throw failure;
  }

  async #link(address: string, channel: Channel): Promise<BrokerConnection> {
    if (this.#closed) throw new MillraceError('unavailable', 'the kafka client is closed', { retry: false });
    const key = `${channel} ${address}`;
    const present = this.#links.get(key);
    if (present !== undefined) {
      const link = await present;
      if (link.open) return link;
      if (this.#links.get(key) === present) this.#links.delete(key);
      return this.#link(address, channel);
    }
    const opening = this.#open(address);
    this.#links.set(key, opening);
    opening.then(
      (link) => {
        if (this.#closed) link.close();
      },
      () => this.#links.delete(key),
    );
    return opening;
  }

  /** Ends all connections at once; what is under way fails. */
  close(): void {
    this.#closed = true;
    for (const opening of this.#links.values()) {
      opening.then(
        (link) => link.close(),
        () => {},
      );
    }
    this.#links.clear();
  }
}

const rotated = <T>(items: readonly T[], by: number): T[] => {
  const at = items.length === 0 ? 0 : by % items.length;
  return [...items.slice(at), ...items.slice(0, at)];
};
