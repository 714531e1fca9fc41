import { MillraceError, messageOf } from '../../model/index.ts';
import type { MessageType, RegisteredSchema, SchemaType } from './schema-codec.ts';
import type { RegistryClient, SchemaRegistry } from './schema-registry.ts';
import { readVarint, varint } from './varint.ts';

export interface ConfluentRegistryOptions {
  /** Its address, as in https://registry.example:8081. */
  readonly url: string;
  /** Basic authentication; asked for when the registry is opened, and not part of the plan. */
  readonly auth?: () => { readonly username: string; readonly password: string };
}

/**
 * Confluent's Schema Registry and those that speak its protocol (Redpanda, Apicurio, Karapace). A message begins with a zero byte and the schema's number
 * in four bytes; Protobuf's message indexes follow.
 */
export function confluentRegistry({ url, auth }: ConfluentRegistryOptions): SchemaRegistry {
  if (/^[a-z]+:\/\/[^/]*@/i.test(url)) {
    throw new MillraceError('invalid-pipeline', 'the address of the schema registry holds a user or password', {
      hint: 'give them by `auth`: the address stands in the plan and in messages',
    });
  }
  return {
    kind: 'confluent',
    options: { url },
    open: async () => new ConfluentClient(url.replace(/\/$/, ''), auth),
  };
}

class ConfluentClient implements RegistryClient {
  readonly #url: string;
  readonly #auth: ConfluentRegistryOptions['auth'];

  constructor(url: string, auth: ConfluentRegistryOptions['auth']) {
    this.#url = url;
    this.#auth = auth;
  }

  idOf(message: Uint8Array): string | undefined {
    return message.length >= HEAD && message[0] === 0
      ? String(new DataView(message.buffer, message.byteOffset).getInt32(1))
      : undefined;
  }

  unframe(message: Uint8Array, types: readonly MessageType[]) {
    if (types.length === 0) return { payload: message.subarray(HEAD), message: undefined };
    const { path, end } = readPath(message, HEAD);
    const named = types.find((type) => type.path.join() === path.join());
    if (named === undefined) throw new MillraceError('bad-record', `its schema has no message at ${path.join('.')}`);
    return { payload: message.subarray(end), message: named.name };
  }

  frame(id: string, payload: Uint8Array, message: string | undefined, types: readonly MessageType[]): Uint8Array {
    const head = Buffer.alloc(HEAD);
    head.writeInt32BE(Number(id), 1);
    const path = types.find(({ name }) => name === message)?.path;
    return Buffer.concat([head, ...(path === undefined ? [] : [writePath(path)]), payload]);
  }

  async schema(id: string): Promise<RegisteredSchema | undefined> {
    const found = await this.#get(`/schemas/ids/${id}`);
    return found === undefined ? undefined : this.#withReferences(found);
  }

  async latest(subject: string) {
    const found = await this.#get(`/subjects/${encodeURIComponent(subject)}/versions/latest`);
    if (found?.id !== undefined) return { id: String(found.id), schema: await this.#withReferences(found) };
    throw new MillraceError('invalid-pipeline', `the schema registry has no subject ${subject}`, {
      hint: 'register its schema first',
    });
  }

  async #withReferences(found: Answer): Promise<RegisteredSchema> {
    const references = new Map<string, string>();
    const follow = async ({ references: more = [] }: Answer): Promise<void> => {
      for (const { name, subject, version } of more) {
        if (references.has(name)) continue;
        const answer = await this.#get(`/subjects/${encodeURIComponent(subject)}/versions/${version}`);
        if (answer === undefined)
          throw new MillraceError('unavailable', `the schema registry has no ${subject} ${version}`);
        await follow(answer);
        references.set(name, answer.schema);
      }
    };
    await follow(found);
    return {
      type: found.schemaType ?? 'AVRO',
      text: found.schema,
      references: [...references.values()],
    };
  }

  /** Undefined where there is no such thing. */
  async #get(path: string): Promise<Answer | undefined> {
    const headers: Record<string, string> = { accept: 'application/vnd.schemaregistry.v1+json' };
    if (this.#auth !== undefined) {
      const { username, password } = this.#auth();
      headers['authorization'] = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
    }
    let answer: Response;
    try {
      answer = await fetch(this.#url + path, { headers, signal: AbortSignal.timeout(TIMEOUT) });
    } catch (error) {
      throw new MillraceError('unavailable', `the schema registry ${this.#url} does not answer: ${messageOf(error)}`, {
        cause: error,
      });
    }
    if (answer.status === 404) return undefined;
    if (answer.ok) return (await answer.json()) as Answer;
    throw new MillraceError('unavailable', `the schema registry ${this.#url} answered ${answer.status} for ${path}`, {
      ...(answer.status === 401 || answer.status === 403 ? { hint: 'give confluentRegistry its auth' } : {}),
    });
  }
}

const TIMEOUT = 10_000;
/** A zero byte, and the schema's number. */
const HEAD = 5;

interface Answer {
  readonly id?: number;
  readonly schema: string;
  readonly schemaType?: SchemaType;
  readonly references?: readonly { readonly name: string; readonly subject: string; readonly version: number }[];
}

/** Indexes as zigzag varints behind their count; a single zero stands for [0]. */
function readPath(bytes: Uint8Array, from: number): { path: number[]; end: number } {
  let at = from;
  const next = (): number => {
    const { value, end } = readVarint(bytes, at);
    at = end;
    return (value >>> 1) ^ -(value & 1);
  };
  const count = next();
  if (count === 0) return { path: [0], end: at };
  if (count < 0 || count > 100) throw new MillraceError('bad-record', `it has ${count} message indexes`);
  const path = Array.from({ length: count }, next);
  return { path, end: at };
}

function writePath(path: readonly number[]): Uint8Array {
  if (path.length === 1 && path[0] === 0) return Uint8Array.of(0);
  return Uint8Array.from([path.length, ...path].flatMap((n) => varint(2 * n)));
}
