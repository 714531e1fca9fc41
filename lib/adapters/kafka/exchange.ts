import type { WireReader, WireWriter } from './wire.ts';

/** One request to a broker and how its answer is read: all that a connection needs to know of it. */
export interface Exchange<T> {
  readonly name: string;
  readonly apiKey: number;
  readonly apiVersion: number;
  /** Whether this version has tagged fields, in its headers too. */
  readonly flexible: boolean;
  encode(writer: WireWriter): void;
  decode(reader: WireReader): T;
}

/** Sends requests to one broker and matches the answers; in order, several under way at once. */
export interface BrokerConnection {
  readonly open: boolean;
  /**
   * The decoded answer. Throws `unavailable` if the connection fails or no answer comes in time: the outcome is unknown then.
   * `patience` in milliseconds, where the broker may take longer than usual.
   */
  send<T>(exchange: Exchange<T>, patience?: number): Promise<T>;
  /** Ends it at once; what is under way fails. */
  close(): void;
}

/** Connects to a broker: the place where another client library would be put. */
export type OpenConnection = (address: string) => Promise<BrokerConnection>;
