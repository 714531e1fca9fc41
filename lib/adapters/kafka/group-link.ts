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
  /** Aborted by a drop: ends the search under way. */
  #searching = new AbortController();

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

  /** The coordinator may be another: what is under way fails, the search for it too, and it is looked up again. */
  drop(): void {
    this.#searching.abort();
    this.#searching = new AbortController();
    this.#link?.close();
    this.#link = undefined;
  }

  close(): void {
    this.#closed = true;
    this.drop();
  }

  async #find(): Promise<BrokerConnection> {
    const { signal } = this.#searching;
    const any = await this.#connected(this.#bootstrap[this.#turn++ % this.#bootstrap.length]!, signal);
    const end = (): void => any.close();
    signal.addEventListener('abort', end, { once: true });
    try {
      const { error, message, address } = await any.send(coordinatorOf(this.#group));
      if (error !== 0) throw brokerError(error, `the group ${this.#group}`, {}, message);
      return await this.#connected(address, signal);
    } finally {
      signal.removeEventListener('abort', end);
      any.close();
    }
  }

  /** A connection; fails at once when the search is given up, and closes what opens later. */
  #connected(address: string, signal: AbortSignal): Promise<BrokerConnection> {
    return new Promise((resolve, reject) => {
      const give = (): void =>
        reject(new MillraceError('unavailable', `the search for the group ${this.#group} was given up`));
      if (signal.aborted) give();
      signal.addEventListener('abort', give, { once: true });
      this.#open(address)
        .then((link) => (signal.aborted ? link.close() : resolve(link)), reject)
        .finally(() => signal.removeEventListener('abort', give));
    });
  }
}
