/**
 * The one file that reaches into kafkajs (2.2.4, pinned): its connection frames, signs in and signs in again, and takes any
 * request. Requests, their versions, record batches and metadata are millrace's own, because kafkajs speaks neither topic ids nor
 * stable group offsets, and its reading and filtering of records is slow and wrong (docs/decisions/0021).
 */
import Connection from 'kafkajs/src/network/connection.js';
import socketFactory from 'kafkajs/src/network/socketFactory.js';
import { MillraceError, messageOf } from '../../model/index.ts';
import type { BrokerConnection, Exchange, OpenConnection } from './exchange.ts';
import { type KafkaConnection, kafkajsConnection } from './kafka-connection.ts';
import { apiVersions, requireVersions } from './version-request.ts';
import { WireReader, WireWriter } from './wire.ts';

const silence = { namespace: () => silence, debug() {}, info() {}, warn() {}, error() {} };

/** Opens connections by kafkajs. */
export function kafkajsConnections(connection: KafkaConnection): OpenConnection {
  const { ssl, sasl, clientId, connectionTimeout, requestTimeout } = kafkajsConnection(connection);
  return async (address) => {
    const colon = address.lastIndexOf(':');
    const inner = new Connection({
      host: address.slice(0, colon).replace(/^\[|\]$/g, ''),
      port: Number(address.slice(colon + 1)),
      logger: silence,
      socketFactory: socketFactory(),
      enforceRequestTimeout: true,
      ssl: ssl === true ? {} : ssl,
      sasl: sasl === undefined ? undefined : { ...sasl },
      clientId,
      connectionTimeout,
      requestTimeout,
    });
    calmQueue(inner);
    const open = new KafkajsBrokerConnection(inner, address);
    try {
      await inner.connect();
      inner.socket?.setNoDelay(true);
      inner.socket?.on('close', () => open.close());
      const versions = await open.send(apiVersions, connectionTimeout);
      requireVersions(versions, address);
      inner.setVersions(versions);
      inner.setSupportAuthenticationProtocol(true);
      await inner.authenticate();
      return open;
    } catch (thrown) {
      open.close();
      throw failure(thrown, address, 'connecting');
    }
  };
}

/** After each answer kafkajs sets a timer, of negative length while it is not throttled, which Node warns of. Without anything pending there is nothing to do. */
function calmQueue({ requestQueue }: Connection): void {
  const schedule = requestQueue.scheduleCheckPendingRequests.bind(requestQueue);
  requestQueue.scheduleCheckPendingRequests = () => {
    if (requestQueue.pending.length > 0) schedule();
  };
}

class KafkajsBrokerConnection implements BrokerConnection {
  readonly #inner: Connection;
  readonly #address: string;
  #closed = false;

  constructor(inner: Connection, address: string) {
    this.#inner = inner;
    this.#address = address;
  }

  get open(): boolean {
    return !this.#closed && this.#inner.isConnected();
  }

  async send<T>(exchange: Exchange<T>, patience?: number): Promise<T> {
    try {
      return await this.#inner.send<T>({
        request: {
          apiKey: exchange.apiKey,
          apiVersion: exchange.apiVersion,
          apiName: exchange.name,
          encode: async () => payloadOf(exchange),
        },
        response: {
          decode: async (raw) => ({ clientSideThrottleTime: 0, answer: answerOf(exchange, raw) }),
          parse: async ({ answer }) => answer,
        },
        ...(patience === undefined ? {} : { requestTimeout: patience }),
        logResponseError: false,
      });
    } catch (thrown) {
      this.close();
      throw failure(thrown, this.#address, exchange.name);
    }
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#inner.rejectRequests(new Error('the connection was closed'));
    this.#inner.socket?.destroy();
    void this.#inner.disconnect();
  }
}

/** kafkajs writes the header of requests that are not flexible: the missing tagged fields stand before the body. */
function payloadOf(exchange: Exchange<unknown>) {
  const writer = new WireWriter();
  if (exchange.flexible) writer.noTags();
  exchange.encode(writer);
  const { bytes } = writer;
  return { buf: bytes, buffer: bytes, size: () => bytes.length };
}

function answerOf<T>(exchange: Exchange<T>, raw: Buffer): T {
  const reader = new WireReader(raw);
  if (exchange.flexible) reader.tags();
  return exchange.decode(reader);
}

function failure(thrown: unknown, address: string, what: string): MillraceError {
  if (thrown instanceof MillraceError) return thrown;
  const text = messageOf(thrown);
  const refusal = refusals.find(([pattern]) => pattern.test(text))?.[1];
  const hint = refusal ?? (what === 'connecting' ? reach : undefined);
  return new MillraceError('unavailable', `the kafka broker ${address} failed: ${what}: ${text}`, {
    cause: thrown,
    retry: refusal === undefined,
    ...(hint === undefined ? {} : { hint }),
  });
}

const reach =
  'check its address, and that the network lets this process reach it (listeners, security groups, subnets); it is tried again';

/** What trying again does not mend. */
const refusals: readonly (readonly [RegExp, string])[] = [
  [/SASL|authentication/i, 'check user, password and SASL mechanism of the connection'],
  [
    /certificate|self-signed|altname/i,
    "check tls.ca, and tls.cert and tls.key or tls.pfx where the broker asks for a client's",
  ],
  [
    /wrong version number|packet length too long/i,
    'one side speaks TLS and the other does not: check tls and the port',
  ],
];
