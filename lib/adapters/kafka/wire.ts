/**
 * The primitive types of Kafka's protocol. Numbers of 64 bits are plain numbers: offsets, times and producer ids stay below 2^53.
 * "Compact" types belong to the flexible versions of a request: lengths are unsigned varints, and structures end with tagged fields.
 */

const utf8 = new TextEncoder();

/** Up to so many bytes are copied one by one: a call that copies them takes longer. */
const SHORT = 32;

export class WireWriter {
  #buffer: Buffer;
  #length = 0;

  constructor(capacity = 512) {
    this.#buffer = Buffer.allocUnsafe(capacity);
  }

  get length(): number {
    return this.#length;
  }

  /** What was written; valid until something more is. */
  get bytes(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }

  #room(bytes: number): number {
    const at = this.#length;
    const end = at + bytes;
    if (end > this.#buffer.length) {
      const larger = Buffer.allocUnsafe(Math.max(end, 2 * this.#buffer.length));
      this.#buffer.copy(larger, 0, 0, at);
      this.#buffer = larger;
    }
    this.#length = end;
    return at;
  }

  int8(value: number): this {
    this.#buffer.writeInt8(value, this.#room(1));
    return this;
  }

  bool(value: boolean): this {
    return this.int8(value ? 1 : 0);
  }

  int16(value: number): this {
    const at = this.#room(2);
    this.#buffer.writeInt16BE(value, at);
    return this;
  }

  int32(value: number): this {
    const at = this.#room(4);
    this.#buffer.writeInt32BE(value, at);
    return this;
  }

  uint32(value: number): this {
    const at = this.#room(4);
    this.#buffer.writeUInt32BE(value, at);
    return this;
  }

  int64(value: number): this {
    const at = this.#room(8);
    const high = Math.floor(value / 2 ** 32);
    this.#buffer.writeInt32BE(high, at);
    this.#buffer.writeUInt32BE(value - high * 2 ** 32, at + 4);
    return this;
  }

  /** An unsigned varint of at most 32 bits. */
  uvarint(value: number): this {
    let rest = value >>> 0;
    while (rest > 0x7f) {
      this.int8((((rest & 0x7f) | 0x80) << 24) >> 24);
      rest >>>= 7;
    }
    return this.int8(rest);
  }

  /** A zigzag varint of any safe integer. */
  varint(value: number): this {
    let rest = value < 0 ? -2 * value - 1 : 2 * value;
    if (rest < 0x80) {
      const at = this.#room(1);
      this.#buffer[at] = rest;
      return this;
    }
    while (rest > 0x7f) {
      this.int8((((rest % 128) | 0x80) << 24) >> 24);
      rest = Math.floor(rest / 128);
    }
    return this.int8(rest);
  }

  raw(bytes: Uint8Array): this {
    const at = this.#room(bytes.length);
    const buffer = this.#buffer;
    if (bytes.length > SHORT) buffer.set(bytes, at);
    else for (let i = 0; i < bytes.length; i++) buffer[at + i] = bytes[i]!;
    return this;
  }

  string(value: string): this {
    const bytes = utf8.encode(value);
    return this.int16(bytes.length).raw(bytes);
  }

  nullableString(value: string | undefined): this {
    return value === undefined ? this.int16(-1) : this.string(value);
  }

  compactString(value: string): this {
    const bytes = utf8.encode(value);
    return this.uvarint(bytes.length + 1).raw(bytes);
  }

  uuid(value: string): this {
    return this.raw(Buffer.from(value.replaceAll('-', ''), 'hex'));
  }

  array<T>(items: readonly T[], write: (item: T) => void): this {
    this.int32(items.length);
    for (const item of items) write(item);
    return this;
  }

  compactArray<T>(items: readonly T[], write: (item: T) => void): this {
    this.uvarint(items.length + 1);
    for (const item of items) write(item);
    return this;
  }

  /** No tagged fields. */
  noTags(): this {
    return this.int8(0);
  }

  /** Overwrites four bytes written before. */
  patchInt32(at: number, value: number): void {
    this.#buffer.writeInt32BE(value, at);
  }

  patchUint32(at: number, value: number): void {
    this.#buffer.writeUInt32BE(value, at);
  }
}

/** Reads what a broker or a record batch says; bytes handed out are views of the buffer. A read beyond the end throws a RangeError. */
export class WireReader {
  readonly #buffer: Buffer;
  readonly #end: number;
  #at: number;

  constructor(buffer: Buffer, start = 0, end = buffer.length) {
    this.#buffer = buffer;
    this.#at = start;
    this.#end = end;
  }

  get at(): number {
    return this.#at;
  }

  get left(): number {
    return this.#end - this.#at;
  }

  #take(bytes: number): number {
    const at = this.#at;
    if (bytes < 0 || at + bytes > this.#end) throw new RangeError(`${bytes} bytes wanted, ${this.#end - at} are left`);
    this.#at = at + bytes;
    return at;
  }

  skip(bytes: number): void {
    this.#take(bytes);
  }

  int8(): number {
    return this.#buffer.readInt8(this.#take(1));
  }

  bool(): boolean {
    return this.int8() !== 0;
  }

  int16(): number {
    return this.#buffer.readInt16BE(this.#take(2));
  }

  int32(): number {
    return this.#buffer.readInt32BE(this.#take(4));
  }

  int64(): number {
    const at = this.#take(8);
    return this.#buffer.readInt32BE(at) * 2 ** 32 + this.#buffer.readUInt32BE(at + 4);
  }

  uvarint(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.#buffer[this.#take(1)]!;
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    throw new RangeError('a varint does not end');
  }

  /** A zigzag varint; exact for safe integers. */
  varint(): number {
    let value = 0;
    let scale = 1;
    for (let n = 0; n < 10; n++) {
      const byte = this.#buffer[this.#take(1)]!;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
      scale *= 128;
    }
    throw new RangeError('a varint does not end');
  }

  raw(bytes: number): Buffer {
    const at = this.#take(bytes);
    return this.#buffer.subarray(at, at + bytes);
  }

  #text(bytes: number): string {
    const at = this.#take(bytes);
    return this.#buffer.toString('utf8', at, at + bytes);
  }

  string(): string {
    return this.#text(this.int16());
  }

  nullableString(): string | undefined {
    const length = this.int16();
    return length < 0 ? undefined : this.#text(length);
  }

  compactString(): string {
    return this.#text(this.uvarint() - 1);
  }

  compactNullableString(): string | undefined {
    const length = this.uvarint();
    return length === 0 ? undefined : this.#text(length - 1);
  }

  uuid(): string {
    const hex = this.raw(16).toString('hex');
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
  }

  array<T>(read: () => T): T[] {
    return this.#items(this.int32(), read);
  }

  compactArray<T>(read: () => T): T[] {
    return this.#items(this.uvarint() - 1, read);
  }

  #items<T>(count: number, read: () => T): T[] {
    const items: T[] = [];
    for (let i = 0; i < count; i++) items.push(read());
    return items;
  }

  /** Passes over tagged fields. */
  tags(): void {
    for (let n = this.uvarint(); n > 0; n--) {
      this.uvarint();
      this.skip(this.uvarint());
    }
  }
}
