import { MillraceError } from '../../model/index.ts';
import type { Format, Json } from '../../ports/index.ts';
import { avroCodec } from './avro.ts';
import { parsed, stringified } from './json.ts';
import type { Longs } from './plain.ts';
import { protobufCodec } from './protobuf.ts';
import type { RegisteredSchema, SchemaCodec } from './schema-codec.ts';
import type { SchemaRegistry } from './schema-registry.ts';
import { textOf } from './text.ts';

export interface RegisteredOptions {
  readonly registry: SchemaRegistry;
  /** The subject (Confluent) or schema name (Glue) whose newest schema is written with. Needed by sinks; Confluent's habit is `<topic>-value`. */
  readonly subject?: string;
  /** Avro: what is read is resolved to this schema, so that older and newer writers look alike. */
  readonly readerSchema?: Json;
  /** Protobuf: the full name of the message to write. Default: the file's first. */
  readonly message?: string;
  /** 64-bit integers as numbers (the default) or bigints. */
  readonly longs?: Longs;
}

/**
 * Messages that name their schema in a registry: Avro, Protobuf or JSON, each decoded by the schema it was written with. JSON is not checked against
 * its schema here: give the source a `schema` for that. Schemas are fetched when a batch first names them, and kept.
 */
export function registered<T = unknown>(options: RegisteredOptions): Format<T> {
  const { registry, subject, readerSchema, message, longs = 'number' } = options;
  return {
    kind: `${registry.kind} registry`,
    options: {
      registry: registry.options,
      longs,
      ...(subject === undefined ? {} : { subject }),
      ...(readerSchema === undefined ? {} : { readerSchema }),
      ...(message === undefined ? {} : { message }),
    },
    async open() {
      const client = await registry.open();
      const codecs = new Map<string, SchemaCodec | undefined>();
      const learn = async (id: string, schema: RegisteredSchema | undefined) => {
        codecs.set(id, schema === undefined ? undefined : await codecOf(schema, longs, readerSchema, message));
      };
      let written: string | undefined;
      if (subject !== undefined) {
        const { id, schema } = await client.latest(subject);
        await learn(id, schema);
        written = id;
      }
      return {
        async prepare(batch) {
          const ids = new Set<string>();
          for (const bytes of batch) {
            const id = client.idOf(bytes);
            if (id !== undefined && !codecs.has(id)) ids.add(id);
          }
          for (const id of ids) await learn(id, await client.schema(id));
        },
        decode(bytes) {
          const id = client.idOf(bytes);
          if (id === undefined) {
            throw new MillraceError(
              'bad-record',
              `it does not begin as a message of a ${registry.kind} registry does`,
              {
                hint: 'its producer wrote without a registry, or with another kind of it',
              },
            );
          }
          const codec = codecs.get(id);
          if (codec === undefined)
            throw new MillraceError('bad-record', `it names schema ${id}, which the registry does not have`);
          const { payload, message } = client.unframe(bytes, codec.messages);
          return codec.decode(payload, message) as T;
        },
        encode(value) {
          if (written === undefined) throw needsSubject();
          const codec = codecs.get(written)!;
          const { bytes, message } = codec.encode(value);
          return client.frame(written, bytes, message, codec.messages);
        },
      };
    },
  };
}

async function codecOf(
  { type, text, references }: RegisteredSchema,
  longs: Longs,
  readerSchema: Json | undefined,
  message: string | undefined,
): Promise<SchemaCodec> {
  switch (type) {
    case 'AVRO':
      return avroCodec(text, references, longs, readerSchema);
    case 'PROTOBUF':
      return protobufCodec(text, references, longs, message);
    case 'JSON':
      return jsonCodec;
  }
}

const needsSubject = (): MillraceError =>
  new MillraceError('invalid-pipeline', 'a registered format can write only with a subject', {
    hint: "name it: registered({ registry, subject: 'orders-value' })",
  });

const jsonCodec: SchemaCodec = {
  messages: [],
  decode: (payload) => parsed(textOf(payload)),
  encode: (value) => ({ bytes: Buffer.from(stringified(value)), message: undefined }),
};
