/** Reads and writes values by one schema. */
export interface SchemaCodec {
  /** The message types of a Protobuf file; none of other schemas. */
  readonly messages: readonly MessageType[];
  /** `message`: the full name of a Protobuf message type. */
  decode(payload: Uint8Array, message: string | undefined): unknown;
  encode(value: unknown): { readonly bytes: Uint8Array; readonly message: string | undefined };
}

/** A message type of a Protobuf file. */
export interface MessageType {
  /** Full, without a leading dot. */
  readonly name: string;
  /** Its index among the messages of its level, after those of the messages around it. */
  readonly path: readonly number[];
}

export type SchemaType = 'AVRO' | 'JSON' | 'PROTOBUF';

/** A schema as a registry keeps it, with the texts of those that it refers to, each after those that it needs itself. */
export interface RegisteredSchema {
  readonly type: SchemaType;
  readonly text: string;
  readonly references: readonly string[];
}
