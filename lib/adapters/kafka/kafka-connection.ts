import { MillraceError, messageOf } from '../../model/index.ts';

/** How to reach a cluster. */
export interface KafkaConnection {
  /** Some of its brokers, `host:port`; the others are found through them. */
  readonly brokers: readonly string[];
  /** What brokers see in their logs and quotas. Default: `millrace`. */
  readonly clientId?: string;
  /** TLS; true: with the authorities that Node trusts. Default: none. */
  readonly tls?: boolean | KafkaTls;
  /** Default: none. */
  readonly sasl?: KafkaSasl;
  /** Milliseconds to connect and to sign in. Default: 10 seconds. */
  readonly connectionTimeout?: number;
  /** Milliseconds until a broker that does not answer is given up. Default: 30 seconds. */
  readonly requestTimeout?: number;
}

/** As in Node's `tls.connect`. A certificate and key of one's own, in PEM or PKCS12, is what mutual TLS asks for. */
export interface KafkaTls {
  readonly ca?: string | Uint8Array | readonly (string | Uint8Array)[];
  readonly cert?: string | Uint8Array;
  readonly key?: string | Uint8Array;
  readonly pfx?: Uint8Array;
  readonly passphrase?: string;
  readonly servername?: string;
  readonly rejectUnauthorized?: boolean;
}

export type KafkaSasl =
  | {
      readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512';
      readonly username: string;
      readonly password: string;
    }
  /** Amazon MSK with IAM: credentials as the AWS SDK finds them. Needs the package `aws-msk-iam-sasl-signer-js` and TLS. */
  | { readonly mechanism: 'aws-msk-iam'; readonly region: string }
  | { readonly mechanism: 'oauthbearer'; readonly token: () => Promise<string> };

/** The connection in the words of kafkajs. */
export interface KafkajsConnection {
  readonly brokers: string[];
  readonly clientId: string;
  readonly ssl?: boolean | Record<string, unknown>;
  readonly sasl?: KafkajsSasl;
  readonly connectionTimeout: number;
  readonly authenticationTimeout: number;
  readonly requestTimeout: number;
}

export type KafkajsSasl =
  | { mechanism: 'plain'; username: string; password: string }
  | { mechanism: 'scram-sha-256'; username: string; password: string }
  | { mechanism: 'scram-sha-512'; username: string; password: string }
  | { mechanism: 'oauthbearer'; oauthBearerProvider: () => Promise<{ value: string }> };

/** For whoever makes a kafkajs client of the same connection. Throws `invalid-pipeline` for a connection that cannot be meant. */
export function kafkajsConnection(connection: KafkaConnection): KafkajsConnection {
  const { brokers, tls, sasl } = connection;
  const wrong = brokers.filter((broker) => !/^.+:\d+$/.test(broker));
  if (brokers.length === 0 || wrong.length > 0) {
    throw new MillraceError(
      'invalid-pipeline',
      `brokers must be given as host:port: ${wrong.join(', ') || 'there are none'}`,
    );
  }
  if (sasl?.mechanism === 'aws-msk-iam' && (tls === undefined || tls === false)) {
    throw new MillraceError('invalid-pipeline', 'MSK with IAM needs TLS', {
      hint: 'set tls: true; the port is usually 9098',
    });
  }
  const connectionTimeout = connection.connectionTimeout ?? 10_000;
  return {
    brokers: [...brokers],
    clientId: connection.clientId ?? 'millrace',
    ...(tls === undefined || tls === false ? {} : { ssl: tls === true ? true : { ...tls } }),
    ...(sasl === undefined ? {} : { sasl: kafkajsSasl(sasl) }),
    connectionTimeout,
    authenticationTimeout: connectionTimeout,
    requestTimeout: connection.requestTimeout ?? 30_000,
  };
}

function kafkajsSasl(sasl: KafkaSasl): KafkajsSasl {
  switch (sasl.mechanism) {
    case 'aws-msk-iam':
      return { mechanism: 'oauthbearer', oauthBearerProvider: async () => ({ value: await mskToken(sasl.region) }) };
    case 'oauthbearer':
      return { mechanism: 'oauthbearer', oauthBearerProvider: async () => ({ value: await sasl.token() }) };
    default:
      return { mechanism: sasl.mechanism as 'plain', username: sasl.username, password: sasl.password };
  }
}

async function mskToken(region: string): Promise<string> {
  const signer = await import('aws-msk-iam-sasl-signer-js').catch((cause: unknown) => {
    throw new MillraceError('unavailable', `MSK with IAM needs a package that cannot be loaded: ${messageOf(cause)}`, {
      hint: 'npm install aws-msk-iam-sasl-signer-js',
      retry: false,
      cause,
    });
  });
  return (await signer.generateAuthToken({ region })).token;
}
