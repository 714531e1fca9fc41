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
 * its schema here: give the source a `schema` for that. Schemas are fetched when a batch first names them, and kept; one that the registry does not
 * have, or that cannot be understood, makes bad records of its messages alone, and is looked for again after a while.
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
      const codecs = new Map<string, SchemaCodec>();
      const refused = new Map<string, Refused>();
      const learn = async (id: string) => {
        const schema = await client.schema(id);
        try {
          if (schema !== undefined) codecs.set(id, await codecOf(schema, longs, readerSchema, message));
        } catch (error) {
          if (!(error instanceof MillraceError)) throw error;
          remember(id, error);
          return;
        }
        if (schema === undefined) remember(id, undefined);
        else refused.delete(id);
      };
      const remember = (id: string, why: MillraceError | undefined) => {
        if (refused.size >= MOST_REFUSED) refused.clear();
        refused.set(id, { why, until: performance.now() + REFUSED_FOR });
      };
      let written: string | undefined;
      if (subject !== undefined) {
        const { id, schema } = await client.latest(subject);
        codecs.set(id, await codecOf(schema, longs, readerSchema, message));
        written = id;
      }
      return {
        async prepare(batch) {
          const ids = new Set<string>();
          for (const bytes of batch) {
            const id = client.idOf(bytes);
            if (id === undefined || codecs.has(id)) continue;
            if ((refused.get(id)?.until ?? 0) <= performance.now()) ids.add(id);
          }
          for (const id of ids) await learn(id);
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
          if (codec === undefined) throw unreadable(id, refused.get(id)?.why);
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

/** A schema that the registry does not have or, with the reason, that cannot be understood. */
interface Refused {
  readonly why: MillraceError | undefined;
  /** By `performance.now()`: when to ask again. */
  readonly until: number;
}

/** Milliseconds: registries hear of each other's schemas after a moment. */
const REFUSED_FOR = 10_000;
/** Numbers that are remembered; messages of another origin may bear any. */
const MOST_REFUSED = 1_000;

function unreadable(id: string, cause: MillraceError | undefined): MillraceError {
  if (cause === undefined)
    return new MillraceError('bad-record', `it names schema ${id}, which the registry does not have`);
  const { message, hint } = cause;
  return new MillraceError('bad-record', `it names schema ${id}: ${message}`, {
    cause,
    ...(hint === undefined ? {} : { hint }),
  });
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
