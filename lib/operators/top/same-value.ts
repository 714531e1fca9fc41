/** Whether two values that can be stored are deeply equal: whatever one says, the other says. Properties may stand in any order. */
export function sameValue(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return Object.is(a, b);
  if (Object.getPrototypeOf(a) !== Object.getPrototypeOf(b)) return false;
  if (Array.isArray(a)) return sameList(a, b as readonly unknown[]);
  if (a instanceof Date) return Object.is(a.getTime(), (b as Date).getTime());
  if (a instanceof Map) return sameList([...a], [...(b as typeof a)]);
  if (a instanceof Set) return sameList([...a], [...(b as typeof a)]);
  if (ArrayBuffer.isView(a)) return sameBytes(a, b as ArrayBufferView);
  const names = Object.keys(a);
  if (names.length !== Object.keys(b).length) return false;
  for (const name of names) {
    if (!Object.hasOwn(b, name)) return false;
    if (!sameValue((a as Fields)[name], (b as Fields)[name])) return false;
  }
  return true;
}

/** As `sameValue`, of lists. */
export function sameList(a: readonly unknown[], b: readonly unknown[]): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (!sameValue(a[i], b[i])) return false;
  return true;
}

type Fields = Readonly<Record<string, unknown>>;

function sameBytes(a: ArrayBufferView, b: ArrayBufferView): boolean {
  if (a.byteLength !== b.byteLength) return false;
  const [left, right] = [a, b].map((view) => new Uint8Array(view.buffer, view.byteOffset, view.byteLength));
  return left!.every((byte, i) => byte === right![i]);
}
