/** What a process tells those who look after it: whether it lives, whether it is ready, what it has measured. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { MillraceError, messageOf } from '../../model/index.ts';

export interface HealthOptions {
  /** Default: `127.0.0.1`, this machine alone. */
  readonly host?: string;
  /** 0: any that is free. */
  readonly port: number;
  /** What to say of the process, as plain data; `ok` decides between 200 and 503. */
  readonly health: () => { readonly ok: boolean };
  readonly ready: () => { readonly ok: boolean };
  /** Prometheus' text. */
  readonly metrics: () => Promise<string>;
}

export interface HttpAddress {
  /** `host:port` */
  readonly address: string;
  close(): Promise<void>;
}

const PROMETHEUS = 'text/plain; version=0.0.4; charset=utf-8';

/** Serves GET and HEAD of `/health`, `/ready` and `/metrics`. Throws `unavailable` if it cannot listen there. */
export async function serveHealth(options: HealthOptions): Promise<HttpAddress> {
  const { host = '127.0.0.1', port } = options;
  const server = createServer((request, response) => {
    const body =
      request.method === 'HEAD' ? (): void => void response.end() : (text: string) => void response.end(text);
    answerTo(request.url ?? '/', request.method ?? 'GET', options).then(
      ({ status, type, text }) => {
        response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' });
        body(text);
      },
      (error: unknown) => {
        response.writeHead(500, { 'content-type': 'text/plain' });
        body(`${messageOf(error)}\n`);
      },
    );
  });
  return serving(server, host, port);
}

/** The server's address, once it listens there. Throws `unavailable` if it cannot. */
export async function serving(server: Server, host: string, port: number): Promise<HttpAddress> {
  await listening(server, host, port);
  const { port: actual } = server.address() as AddressInfo;
  return {
    address: `${host.includes(':') ? `[${host}]` : host}:${actual}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly text: string;
}

async function answerTo(url: string, method: string, options: HealthOptions): Promise<Answer> {
  const text = (status: number, said: string): Answer => ({ status, type: 'text/plain', text: `${said}\n` });
  const json = (said: { readonly ok: boolean }): Answer => ({
    status: said.ok ? 200 : 503,
    type: 'application/json',
    text: `${JSON.stringify(said)}\n`,
  });
  if (method !== 'GET' && method !== 'HEAD') return text(405, 'only GET and HEAD');
  switch (url.split('?')[0]) {
    case '/health':
      return json(options.health());
    case '/ready':
      return json(options.ready());
    case '/metrics':
      return { status: 200, type: PROMETHEUS, text: await options.metrics() };
    default:
      return text(404, 'there are /health, /ready and /metrics');
  }
}

function listening(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause) => {
      reject(
        new MillraceError('unavailable', `cannot listen on ${host}:${port}: ${messageOf(cause)}`, {
          cause,
          retry: false,
          hint: 'choose another port, or end the process that has it',
        }),
      );
    });
    server.listen(port, host, resolve);
  });
}
