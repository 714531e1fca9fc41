import type { Duration } from '../model/index.ts';

/** Where a service of AWS is, and how long to try. What is left out is looked up as every AWS client does: environment, profile, role. */
export interface AwsConnection {
  readonly region?: string;
  /** Address of a service that is not Amazon's own (an emulator, a gateway). */
  readonly endpoint?: string;
  readonly credentials?: {
    readonly accessKeyId: string;
    readonly secretAccessKey: string;
    readonly sessionToken?: string;
  };
  /** How often a call is tried in all, with growing, jittered pauses, where another attempt may help. Default: 6. */
  readonly attempts?: number;
  /** How long one attempt may take to connect. Default: 1 second. */
  readonly connectTimeout?: Duration;
  /** How long one attempt may wait for its answer to begin, and then for each piece of it. The default is the service's. */
  readonly requestTimeout?: Duration;
  /** Most connections at once. Default: 128. */
  readonly connections?: number;
}

/** The connection as settings of an SDK client. */
export interface AwsClientSettings {
  region?: string;
  endpoint?: string;
  credentials?: { accessKeyId: string; secretAccessKey: string; sessionToken?: string };
  maxAttempts: number;
  retryMode: 'standard';
  requestHandler: {
    connectionTimeout: number;
    requestTimeout: number;
    throwOnRequestTimeout: true;
    socketTimeout: number;
    httpAgent: { keepAlive: true; maxSockets: number };
    httpsAgent: { keepAlive: true; maxSockets: number };
  };
}

/** Settings that retry with jitter what is throttled, refused or unanswered, and give up in bounded time. */
export function clientSettings(connection: AwsConnection, requestTimeout: Duration): AwsClientSettings {
  const { region, endpoint, credentials } = connection;
  const patience = connection.requestTimeout ?? requestTimeout;
  const agent = { keepAlive: true, maxSockets: connection.connections ?? 128 } as const;
  return {
    ...(region === undefined ? {} : { region }),
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(credentials === undefined ? {} : { credentials: { ...credentials } }),
    maxAttempts: connection.attempts ?? 6,
    retryMode: 'standard',
    requestHandler: {
      connectionTimeout: connection.connectTimeout ?? 1_000,
      requestTimeout: patience,
      throwOnRequestTimeout: true,
      socketTimeout: patience,
      httpAgent: agent,
      httpsAgent: agent,
    },
  };
}
