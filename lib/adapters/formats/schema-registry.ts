import type { Json } from '../../ports/index.ts';
import type { MessageType, RegisteredSchema } from './schema-codec.ts';

/** Keeps schemas, and says how a message names its own. */
export interface SchemaRegistry {
  readonly kind: string;
  /** As data, for the plan: no secrets. */
  readonly options: Json;
  open(): Promise<RegistryClient>;
}

export interface RegistryClient {
  /** The schema that a message names by its first bytes, or undefined where it is not framed as this registry does. */
  idOf(message: Uint8Array): string | undefined;
  /** The rest of such a message. `types`: those of its schema, if that is Protobuf's. Throws `bad-record`. */
  unframe(
    message: Uint8Array,
    types: readonly MessageType[],
  ): { readonly payload: Uint8Array; readonly message: string | undefined };
  /** `message`: which of the `types` the payload is. */
  frame(id: string, payload: Uint8Array, message: string | undefined, types: readonly MessageType[]): Uint8Array;
  /** Undefined where there is no such schema. Throws `unavailable`. */
  schema(id: string): Promise<RegisteredSchema | undefined>;
  /** The newest schema of a subject. Throws `invalid-pipeline` where there is none. */
  latest(subject: string): Promise<{ readonly id: string; readonly schema: RegisteredSchema }>;
}
