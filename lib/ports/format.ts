import type { Json } from '../model/index.ts';

/** How the bytes of a message are a value, and back: of its key or of its body. `T` is the value. */
export interface Format<T> {
  readonly kind: string;
  /** Options as data, for the plan: no secrets. */
  readonly options: Json;
  /** Reaches what it needs, a schema registry for instance. */
  open(): Promise<OpenFormat<T>>;
}

/** A format at work. Decoding and encoding do not wait; what they need is fetched before. */
export interface OpenFormat<T> {
  /** Called with the messages of a batch before they are decoded, where schemas are named in them. Throws only `unavailable`. */
  readonly prepare?: (messages: Iterable<Uint8Array>) => Promise<void>;
  /** Throws what is wrong with these bytes. */
  decode(bytes: Uint8Array): T;
  /** Throws what is wrong with this value. */
  encode(value: T): Uint8Array;
}
