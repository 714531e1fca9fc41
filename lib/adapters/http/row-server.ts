/** Rows of tables over HTTP, as JSON. */
import { createServer } from 'node:http';
import type { Key } from '../../model/index.ts';
import { MillraceError, messageOf } from '../../model/index.ts';
import { type HttpAddress, serving } from './health-server.ts';

/** What is asked of a table, of the parts of a request that are there. */
export interface TableQuestion {
  readonly key?: Key;
  readonly from?: Key;
  readonly to?: Key;
  readonly windowFrom?: number;
  readonly windowTo?: number;
  readonly limit?: number;
}

export interface TableAnswer {
  readonly rows: readonly { readonly key: unknown; readonly value: unknown }[];
  readonly more: boolean;
  readonly asOf: unknown;
}

export interface RowServerOptions {
  readonly host?: string;
  readonly port: number;
  readonly tables: readonly string[];
  readonly answer: (table: string, question: TableQuestion) => Promise<TableAnswer>;
}

/**
 * Serves GET of `/tables`, `/tables/<id>` and `/tables/<id>/<key>`. A key without a row is 404, a question that is none 400, a table that cannot be read now 503. Dates are written as ISO 8601, bigints as digits, maps
 * and sets as lists. Throws `unavailable` if it cannot listen there.
 */
export function serveRows(options: RowServerOptions): Promise<HttpAddress> {
  const server = createServer((request, response) => {
    const said = request.method === 'GET' ? said200(request.url ?? '/', options) : refused(405, 'only GET');
    said.then(
      ({ status, body }) => {
        response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' });
        response.end(`${JSON.stringify(body, plain)}\n`);
      },
      (error: unknown) => {
        const isGone = error instanceof MillraceError && error.kind === 'unavailable';
        response.writeHead(isGone ? 503 : 500, { 'content-type': 'application/json' });
        response.end(`${JSON.stringify({ error: messageOf(error) })}\n`);
      },
    );
  });
  return serving(server, options.host ?? '127.0.0.1', options.port);
}

interface Said {
  readonly status: number;
  readonly body: unknown;
}

const refused = async (status: number, error: string): Promise<Said> => ({ status, body: { error } });

async function said200(url: string, { tables, answer }: RowServerOptions): Promise<Said> {
  const { pathname, searchParams } = new URL(url, 'http://localhost');
  let parts: readonly string[];
  try {
    parts = pathname.split('/').slice(1).map(decodeURIComponent);
  } catch {
    return refused(400, `${pathname} is no path: a % in a key is written %25`);
  }
  const [root, table, key, ...rest] = parts;
  if (root !== 'tables' || rest.length > 0)
    return refused(404, 'there are /tables, /tables/<id> and /tables/<id>/<key>');
  if (table === undefined || table === '') return { status: 200, body: { tables } };
  if (!tables.includes(table)) return refused(404, `there is no table ${table}: there are ${tables.join(', ')}`);
  let question: TableQuestion;
  try {
    question = { ...questionOf(searchParams), ...(key === undefined ? {} : { key: keyOf(key) }) };
  } catch (error) {
    return refused(400, messageOf(error));
  }
  const body = await answer(table, question);
  return { status: key !== undefined && body.rows.length === 0 ? 404 : 200, body };
}

function questionOf(params: URLSearchParams): TableQuestion {
  const question: Record<string, unknown> = {};
  for (const [name, text] of params) {
    if (name === 'from' || name === 'to') question[name] = keyOf(text);
    else if (name === 'windowFrom' || name === 'windowTo' || name === 'limit') question[name] = numberOf(name, text);
    else throw wrong(`there is no parameter ${name}: there are from, to, windowFrom, windowTo and limit`);
  }
  return question;
}

/** A number, tuple or object as JSON; any other text is itself. */
function keyOf(text: string): Key {
  if (!/^[[{"\d-]/.test(text)) return text;
  try {
    return JSON.parse(text) as Key;
  } catch {
    return text;
  }
}

/** Milliseconds since the epoch, or a time in ISO 8601. */
function numberOf(name: string, text: string): number {
  const isTime = name !== 'limit' && /^\d{4}-/.test(text);
  const number = /^\d+$/.test(text) ? Number(text) : isTime ? Date.parse(text) : Number.NaN;
  if (Number.isSafeInteger(number)) return number;
  throw wrong(`${name} is ${text}, which is no number${name === 'limit' ? '' : ' and no time'}`);
}

const wrong = (message: string): MillraceError => new MillraceError('bad-record', message);

/** What JSON has no form for. */
function plain(_: string, value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString();
  return value instanceof Map || value instanceof Set ? [...value] : value;
}
