import type { Type } from 'avsc';
import { MillraceError, messageOf } from '../../model/index.ts';
import type { Format, Json } from '../../ports/index.ts';
import { optionalPackage } from './optional-package.ts';
import { type Longs, plain } from './plain.ts';
import type { SchemaCodec } from './schema-codec.ts';

export interface AvroOptions {
  /** The schema, as Avro's JSON. */
  readonly schema: Json;
  /** 64-bit integers as numbers (the default) or bigints. */
  readonly longs?: Longs;
}

/** One Avro datum, without a header: writer and reader have the same schema. For messages that name their schema see `registered`. Needs the package `avsc`. */
export function avro<T = unknown>({ schema, longs = 'number' }: AvroOptions): Format<T> {
  return {
    kind: 'avro',
    options: { schema, longs },
    async open() {
      const codec = await avroCodec(JSON.stringify(schema), [], longs, undefined);
      return { decode: (bytes) => codec.decode(bytes, undefined) as T, encode: (value) => codec.encode(value).bytes };
    },
  };
}

/** Reads and writes by a schema; with a `reader` schema, what was read is resolved to it by Avro's rules. */
export async function avroCodec(
  schema: string,
  references: readonly string[],
  longs: Longs,
  reader: Json | undefined,
): Promise<SchemaCodec> {
  const { default: avsc } = await optionalPackage('avsc', () => import('avsc'));
  const typeOf = (text: string, known: readonly string[]): Type => {
    const registry: { [name: string]: Type } = {};
    const options = { registry, ...(longs === 'bigint' ? { typeHook: longHook(avsc) } : {}) };
    for (const reference of known) avsc.Type.forSchema(JSON.parse(reference), options);
    return avsc.Type.forSchema(JSON.parse(text), options);
  };
  let writer: Type;
  try {
    writer = typeOf(schema, references);
  } catch (error) {
    throw new MillraceError('invalid-pipeline', `the Avro schema cannot be understood: ${messageOf(error)}`, {
      cause: error,
    });
  }
  const read = reader === undefined ? writer : typeOf(JSON.stringify(reader), references);
  const resolver = read === writer ? undefined : read.createResolver(writer);
  return {
    messages: [],
    decode: (payload) =>
      plain(read.fromBuffer(Buffer.from(payload.buffer, payload.byteOffset, payload.length), resolver), longs),
    encode(value) {
      const paths: string[] = [];
      if (!writer.isValid(value, { errorHook: (path) => paths.push(path.join('.')) })) {
        throw new MillraceError(
          'bad-record',
          `it does not fit the Avro schema at ${paths.slice(0, 5).join(', ') || 'its top'}`,
        );
      }
      return { bytes: writer.toBuffer(value), message: undefined };
    },
  };
}

/** Has avsc read and write its type "long" as bigints. */
function longHook(avsc: typeof import('avsc')): (schema: unknown) => Type | undefined {
  const long = avsc.types.LongType.__with({
    fromBuffer: (bytes: Buffer) => bytes.readBigInt64LE(),
    toBuffer: (value: bigint) => {
      const bytes = Buffer.alloc(8);
      bytes.writeBigInt64LE(value);
      return bytes;
    },
    fromJSON: BigInt,
    toJSON: Number,
    isValid: (value: unknown) => typeof value === 'bigint',
    compare: (a: bigint, b: bigint) => (a < b ? -1 : a > b ? 1 : 0),
  } as never);
  return (schema) =>
    schema === 'long' || (schema as { type?: unknown } | null)?.type === 'long' ? (long as never) : undefined;
}
