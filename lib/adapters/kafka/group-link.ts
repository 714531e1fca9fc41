import { MillraceError } from '../../model/index.ts';
import { brokerError } from './broker-error.ts';
import type { BrokerConnection, Exchange, OpenConnection } from './exchange.ts';
import { coordinatorOf } from './offset-requests.ts';

/**
 * A connection to the broker that coordinates a group, for its member alone: joining may take as long as the slowest other member, and answers come in the
 * order of requests.
 */
export class GroupLink {
  readonly #open: OpenConnection;
  readonly #bootstrap: readonly string[];
  readonly #group: string;
  #link: BrokerConnection | undefined;
  #turn = 0;
  #closed = false;

  constructor(open: OpenConnection, bootstrap: readonly string[], group: string) {
    this.#open = open;
    this.#bootstrap = bootstrap;
    this.#group = group;
  }

  /** Sends to the coordinator, which is looked up where it is not known. Throws `unavailable`. */
  async send<T>(exchange: Exchange<T>, patience?: number): Promise<T> {
    if (this.#closed)
      throw new MillraceError('unavailable', `the member of group ${this.#group} has left`, { retry: false });
    if (this.#link?.open !== true) this.#link = await this.#find();
    return this.#link.send(exchange, patience);
  }

  /** The coordinator may be another: what is under way fails, and it is looked up again. */
  drop(): void {
    this.#link?.close();
    this.#link = undefined;
  }

  close(): void {
    this.#closed = true;
    this.drop();
  }

  async #find(): Promise<BrokerConnection> {
    const any = await this.#open(this.#bootstrap[this.#turn++ % this.#bootstrap.length]!);
    try {
      const { error, message, address } = await any.send(coordinatorOf(this.#group));
      if (error !== 0) throw brokerError(error, `the group ${this.#group}`, {}, message);
      return await this.#open(address);
    } finally {
      any.close();
    }
  }
}
