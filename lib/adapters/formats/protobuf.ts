import type { NamespaceBase, Type } from 'protobufjs';
import { MillraceError, messageOf } from '../../model/index.ts';
import type { Format } from '../../ports/index.ts';
import { optionalPackage } from './optional-package.ts';
import { type Longs, plain } from './plain.ts';
import type { SchemaCodec } from './schema-codec.ts';

export interface ProtobufOptions {
  /** The text of a .proto file. */
  readonly proto: string;
  /** The message's full name, its package included. */
  readonly message: string;
  /** 64-bit integers as numbers (the default) or bigints. */
  readonly longs?: Longs;
}

/**
 * One Protobuf message, without a header. Fields have the names of the .proto file, enums are given by name, absent fields have their default.
 * Needs the package `protobufjs`.
 */
export function protobuf<T = unknown>({ proto, message, longs = 'number' }: ProtobufOptions): Format<T> {
  return {
    kind: 'protobuf',
    options: { proto, message, longs },
    async open() {
      const codec = await protobufCodec(proto, [], longs, message);
      return { decode: (bytes) => codec.decode(bytes, message) as T, encode: (value) => codec.encode(value).bytes };
    },
  };
}

/** Reads and writes the messages of a file; writes `message`, or the file's first. */
export async function protobufCodec(
  proto: string,
  references: readonly string[],
  longs: Longs,
  message: string | undefined,
): Promise<SchemaCodec> {
  const { default: protobufjs } = await optionalPackage('protobufjs', () => import('protobufjs'));
  const root = new protobufjs.Root();
  const types = new Map<string, { readonly type: Type; readonly path: readonly number[] }>();
  try {
    for (const text of references) protobufjs.parse(text, root, { keepCase: true });
    const before = new Set([...typesOf(protobufjs.Type, root)].map(({ type }) => type));
    protobufjs.parse(proto, root, { keepCase: true });
    root.resolveAll();
    for (const { type, path } of typesOf(protobufjs.Type, root, before))
      types.set(type.fullName.slice(1), { type, path });
  } catch (error) {
    throw new MillraceError('invalid-pipeline', `the Protobuf schema cannot be understood: ${messageOf(error)}`, {
      cause: error,
    });
  }
  const messages = [...types].map(([name, { path }]) => ({ name, path }));
  const written = message ?? messages[0]?.name;
  if (written === undefined || !types.has(written)) {
    throw new MillraceError('invalid-pipeline', `the Protobuf schema has no message ${message ?? 'at all'}`, {
      hint: `name it with its package; there are: ${[...types.keys()].join(', ')}`,
    });
  }
  const writer = types.get(written)!.type;
  const conversion = { enums: String, defaults: true, arrays: true, objects: true } as const;
  return {
    messages,
    decode(payload, name) {
      const type = types.get(name ?? written)?.type;
      if (type === undefined) throw new MillraceError('bad-record', `the schema has no message ${name}`);
      return plain(type.toObject(type.decode(payload), conversion), longs);
    },
    encode(value) {
      const made = writer.fromObject(value as { [name: string]: unknown });
      return { bytes: writer.encode(made).finish(), message: written };
    },
  };
}

/** The message types in a namespace but for those known before, each with its place among those of its level. */
function* typesOf(
  kind: typeof Type,
  level: NamespaceBase,
  before: ReadonlySet<Type> = new Set(),
  path: readonly number[] = [],
): Generator<{ readonly type: Type; readonly path: readonly number[] }> {
  let i = 0;
  for (const nested of level.nestedArray) {
    if (nested instanceof kind) {
      if (before.has(nested)) continue;
      yield { type: nested, path: [...path, i] };
      yield* typesOf(kind, nested, before, [...path, i]);
      i++;
    } else if ('nestedArray' in nested) yield* typesOf(kind, nested as NamespaceBase, before, path);
  }
}
