/** A hash of any value that can be stored: the same for values that are deeply equal, on every machine. */

const words = new DataView(new ArrayBuffer(8));

/**
 * 53 well-mixed bits of a value, never 0: MurmurHash3's mixing of 32-bit words (Appleby 2011, the constants of its x86 128-bit form) in two lanes, over the value's
 * parts in their order, each with its kind. For telling versions of a value apart, not against an adversary.
 */
export function hashOf(value: unknown): number {
  const hash = new ValueHash();
  hash.add(value);
  return hash.end();
}

class ValueHash {
  #a = 1;
  #b = 2;
  #length = 0;

  add(value: unknown): void {
    switch (typeof value) {
      case 'string':
        this.#text(value);
        return;
      case 'number':
        this.#number(3, value);
        return;
      case 'boolean':
        this.#word(value ? 4 : 5);
        return;
      case 'bigint':
        this.#word(6);
        this.#text(value.toString());
        return;
      case 'object':
        if (value === null) this.#word(7);
        else this.#object(value);
        return;
      default:
        this.#word(8);
    }
  }

  end(): number {
    let a = this.#a ^ this.#length;
    let b = this.#b ^ this.#length;
    a = (a + b) | 0;
    b = (b + a) | 0;
    a = avalanche(a);
    b = avalanche(b);
    return (a >>> 0) * 0x20_0000 + (b >>> 11) || 1;
  }

  #object(value: object): void {
    if (Array.isArray(value)) {
      this.#word(9);
      this.#word(value.length);
      for (let i = 0; i < value.length; i++) this.add(value[i]);
    } else if (value instanceof Date) this.#number(10, value.getTime());
    else if (value instanceof Map) {
      this.#word(11);
      for (const [name, part] of value) {
        this.add(name);
        this.add(part);
      }
    } else if (value instanceof Set) {
      this.#word(12);
      for (const part of value) this.add(part);
    } else if (ArrayBuffer.isView(value)) {
      this.#word(13);
      const { buffer, byteOffset, byteLength } = value;
      for (const byte of new Uint8Array(buffer, byteOffset, byteLength)) this.#word(byte);
    } else {
      this.#word(14);
      for (const name in value) {
        if (!Object.hasOwn(value, name)) continue;
        this.#text(name);
        this.add((value as Readonly<Record<string, unknown>>)[name]);
      }
      this.#word(15);
    }
  }

  #number(kind: number, value: number): void {
    words.setFloat64(0, value);
    this.#word(kind);
    this.#word(words.getInt32(0));
    this.#word(words.getInt32(4));
  }

  #text(text: string): void {
    this.#word(text.length);
    for (let i = 0; i < text.length; i += 2) {
      this.#word(text.charCodeAt(i) | (i + 1 < text.length ? text.charCodeAt(i + 1) << 16 : 0));
    }
  }

  #word(word: number): void {
    this.#length++;
    this.#a =
      (Math.imul(rotl(this.#a ^ Math.imul(rotl(Math.imul(word, 0x239b961b), 15), 0xab0e9789), 19), 5) + 0x561ccd1b) | 0;
    this.#b =
      (Math.imul(rotl(this.#b ^ Math.imul(rotl(Math.imul(word, 0x38b34ae5), 17), 0xa1e38b93), 13), 5) + 0x32ac3b17) | 0;
  }
}

function avalanche(word: number): number {
  let h = Math.imul(word ^ (word >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

const rotl = (word: number, bits: number): number => (word << bits) | (word >>> (32 - bits));
