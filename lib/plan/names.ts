import type { DraftNode } from './draft.ts';

const MAX_NAME = 100;
const FORM = /^[A-Za-z0-9][A-Za-z0-9._-]*$/;

/** The id that no node may have: of a pipeline's topics, the one of this name holds what was given up. */
export const DEAD_LETTERS = 'dead-letters';

/** A noun with its indefinite article, by its first letter. */
export const oneOf = (noun: string): string => `${/^[aeio]/.test(noun) ? 'an' : 'a'} ${noun}`;

/** Whether an id was given, good or not. */
export const isName = (id: unknown): id is string => typeof id === 'string' && id !== '';

/** What is wrong with a name that becomes part of topics, tables and file names; undefined if nothing is. */
export function mistakeInName(name: unknown): string | undefined {
  if (typeof name !== 'string' || name === '') return 'is missing';
  if (name.length > MAX_NAME) return `has ${name.length} characters, more than ${MAX_NAME}`;
  if (!FORM.test(name)) {
    return `${JSON.stringify(name)} may hold only letters and digits of ASCII, '.', '_' and '-', and begins with a letter or digit`;
  }
  return undefined;
}

/**
 * An id for every node: the author's; `<auto>-<n>` for those that may go without, counted per kind in the order written and passing over ids
 * that the author has given; and a description, which is no valid id, for those whose id is missing.
 */
export function nameNodes(nodes: readonly DraftNode[]): readonly string[] {
  const given = new Set(nodes.map((node) => node.id));
  const counts = new Map<string, number>();
  return nodes.map((node) => {
    if (isName(node.id)) return node.id;
    const prefix = node.auto ?? (node.kind === 'operator' ? node.type : node.kind);
    let n = counts.get(prefix) ?? 0;
    do n++;
    while (node.auto !== undefined && given.has(`${prefix}-${n}`));
    counts.set(prefix, n);
    return node.auto === undefined ? `(${prefix} ${n} without id)` : `${prefix}-${n}`;
  });
}

/** A name for each of the items that no other has: the wanted one, or with `.2`, `.3` ... behind it. */
export function distinctNames(wanted: readonly string[]): readonly string[] {
  const taken = new Set<string>();
  return wanted.map((name) => {
    let free = name;
    for (let n = 2; taken.has(free); n++) free = `${name}.${n}`;
    taken.add(free);
    return free;
  });
}
