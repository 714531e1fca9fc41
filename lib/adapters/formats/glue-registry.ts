import { inflateSync } from 'node:zlib';
import type { GetSchemaVersionCommandInput, GlueClient, GlueClientConfig } from '@aws-sdk/client-glue';
import { MillraceError, messageOf } from '../../model/index.ts';
import { optionalPackage } from './optional-package.ts';
import type { MessageType, RegisteredSchema } from './schema-codec.ts';
import type { RegistryClient, SchemaRegistry } from './schema-registry.ts';
import { readVarint, varint } from './varint.ts';

export interface GlueRegistryOptions {
  /** Default: `default-registry`. */
  readonly name?: string;
  /** Region, credentials and endpoint; default: as the AWS SDK finds them. Only the region is part of the plan. */
  readonly client?: GlueClientConfig;
}

/**
 * AWS Glue's schema registry. A message begins with a byte 3, a byte for its compression (0 none, 5 zlib) and the schema version's id in sixteen bytes.
 * Needs the package `@aws-sdk/client-glue`.
 */
export function glueRegistry({ name = 'default-registry', client = {} }: GlueRegistryOptions = {}): SchemaRegistry {
  return {
    kind: 'glue',
    options: { name, ...(typeof client.region === 'string' ? { region: client.region } : {}) },
    async open() {
      const sdk = await optionalPackage('@aws-sdk/client-glue', () => import('@aws-sdk/client-glue'));
      return new GlueSchemas(sdk, new sdk.GlueClient(client), name);
    },
  };
}

const HEAD = 18;
const ZLIB = 5;

/** A message type's index in Glue's framing: its place among all of its file, nested ones included, by full name (MessageIndexFinder of Glue's own serializer). */
const sorted = (types: readonly MessageType[]): readonly string[] => types.map(({ name }) => name).sort();

class GlueSchemas implements RegistryClient {
  readonly #sdk: typeof import('@aws-sdk/client-glue');
  readonly #client: GlueClient;
  readonly #registry: string;

  constructor(sdk: typeof import('@aws-sdk/client-glue'), client: GlueClient, registry: string) {
    this.#sdk = sdk;
    this.#client = client;
    this.#registry = registry;
  }

  idOf(message: Uint8Array): string | undefined {
    if (message.length < HEAD || message[0] !== 3 || (message[1] !== 0 && message[1] !== ZLIB)) return undefined;
    const hex = Buffer.from(message.subarray(2, HEAD)).toString('hex');
    return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
  }

  unframe(message: Uint8Array, types: readonly MessageType[]) {
    const body = message.subarray(HEAD);
    const payload = message[1] === ZLIB ? new Uint8Array(inflateSync(body)) : body;
    if (types.length === 0) return { payload, message: undefined };
    const { value, end } = readVarint(payload, 0);
    const named = sorted(types)[value];
    if (named === undefined) throw new MillraceError('bad-record', `its schema has no message ${value}`);
    return { payload: payload.subarray(end), message: named };
  }

  frame(id: string, payload: Uint8Array, message: string | undefined, types: readonly MessageType[]): Uint8Array {
    const head = Buffer.concat([Uint8Array.of(3, 0), Buffer.from(id.replaceAll('-', ''), 'hex')]);
    const index = message === undefined ? [] : [Uint8Array.from(varint(sorted(types).indexOf(message)))];
    return Buffer.concat([head, ...index, payload]);
  }

  async schema(id: string): Promise<RegisteredSchema | undefined> {
    return this.#get({ SchemaVersionId: id });
  }

  async latest(subject: string) {
    const which = {
      SchemaId: { SchemaName: subject, RegistryName: this.#registry },
      SchemaVersionNumber: { LatestVersion: true },
    };
    const found = await this.#get(which);
    if (found?.id !== undefined) return { id: found.id, schema: found };
    throw new MillraceError('invalid-pipeline', `the registry ${this.#registry} has no schema ${subject}`, {
      hint: 'create it in AWS Glue first',
    });
  }

  async #get(
    which: GetSchemaVersionCommandInput,
  ): Promise<(RegisteredSchema & { id: string | undefined }) | undefined> {
    try {
      const found = await this.#client.send(new this.#sdk.GetSchemaVersionCommand(which));
      const { SchemaDefinition: text, DataFormat: type, SchemaVersionId: id } = found;
      return text === undefined || type === undefined ? undefined : { type, text, references: [], id };
    } catch (error) {
      if (error instanceof this.#sdk.EntityNotFoundException) return undefined;
      throw new MillraceError('unavailable', `the Glue schema registry does not answer: ${messageOf(error)}`, {
        hint: 'it needs glue:GetSchemaVersion on the registry and its schemas',
        cause: error,
      });
    }
  }
}
