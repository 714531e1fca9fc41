/** Parts of kafkajs 2.2.4 that its types leave out. Only `kafkajs-broker-connection.ts` may use them. */
declare module 'kafkajs/src/network/connection.js' {
  interface Logger {
    namespace(): Logger;
    debug(): void;
    info(): void;
    warn(): void;
    error(): void;
  }

  interface Payload {
    /** What marks it as an encoder for those who check. */
    readonly buf: Buffer;
    readonly buffer: Buffer;
    size(): number;
  }

  export default class Connection {
    constructor(options: {
      host: string;
      port: number;
      logger: Logger;
      socketFactory: unknown;
      requestTimeout: number;
      connectionTimeout: number;
      enforceRequestTimeout: boolean;
      clientId: string;
      ssl: unknown;
      sasl: unknown;
    });
    readonly requestQueue: {
      pending: unknown[];
      scheduleCheckPendingRequests(): void;
    };
    readonly socket:
      | { destroy(): void; setNoDelay(on: boolean): void; on(event: 'close', listener: () => void): void }
      | undefined;
    isConnected(): boolean;
    connect(): Promise<true>;
    disconnect(): Promise<true>;
    authenticate(): Promise<void>;
    setVersions(versions: Readonly<Record<number, { minVersion: number; maxVersion: number }>>): void;
    setSupportAuthenticationProtocol(isSupported: boolean): void;
    rejectRequests(error: Error): void;
    send<T>(protocol: {
      request: { apiKey: number; apiVersion: number; apiName: string; encode(): Promise<Payload> };
      response: {
        decode(raw: Buffer): Promise<{ clientSideThrottleTime: number; answer: T }>;
        parse(decoded: { answer: T }): Promise<T>;
      };
      requestTimeout?: number;
      logResponseError: boolean;
    }): Promise<T>;
  }
}

declare module 'kafkajs/src/network/socketFactory.js' {
  export default function socketFactory(): unknown;
}
