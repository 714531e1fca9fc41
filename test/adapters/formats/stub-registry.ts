import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface StubSchema {
  readonly subject: string;
  readonly schema: string;
  readonly schemaType?: 'AVRO' | 'JSON' | 'PROTOBUF';
  readonly references?: readonly { readonly name: string; readonly subject: string; readonly version: number }[];
}

/** A schema registry that answers by its documented protocol, from a list; the id of a schema is its place in it, from one on. */
export async function stubRegistry(schemas: readonly StubSchema[], password?: string) {
  const asked: string[] = [];
  const wanted = password === undefined ? undefined : `Basic ${Buffer.from(`user:${password}`).toString('base64')}`;
  const server = createServer((request, response) => {
    const path = request.url ?? '';
    asked.push(path);
    const say = (status: number, body: unknown) => {
      response.writeHead(status, { 'content-type': 'application/vnd.schemaregistry.v1+json' });
      response.end(JSON.stringify(body));
    };
    if (wanted !== undefined && request.headers.authorization !== wanted) return say(401, { error_code: 401 });
    const byId = /^\/schemas\/ids\/(\d+)$/.exec(path);
    if (byId !== null) {
      const found = schemas[Number(byId[1]) - 1];
      return found === undefined ? say(404, { error_code: 40403 }) : say(200, found);
    }
    const bySubject = /^\/subjects\/([^/]+)\/versions\/(latest|\d+)$/.exec(path);
    if (bySubject !== null) {
      const subject = decodeURIComponent(bySubject[1]!);
      const versions = schemas.map((s, i) => ({ ...s, id: i + 1 })).filter((s) => s.subject === subject);
      const found = bySubject[2] === 'latest' ? versions.at(-1) : versions[Number(bySubject[2]) - 1];
      return found === undefined ? say(404, { error_code: 40401 }) : say(200, found);
    }
    return say(404, {});
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
