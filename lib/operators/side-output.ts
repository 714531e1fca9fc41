import { settings } from './author-code.ts';

declare const element: unique symbol;

/** Names a second output of an operator and says what its records are. Two tags of one name are the same output. */
export interface SideOutput<T> {
  readonly side: string;
  /** Never present at run time: carries the records' type. */
  readonly [element]?: (record: T) => T;
}

/** A side output for such records or more general ones, where a stream of them is to remain one of more general ones as well. */
export interface SideOutputFor<T> {
  readonly side: string;
  [element]?(record: T): unknown;
}

/** Tags a side output: late data of a window, or what a process operator emits beside its results. Read it by `stream.sideOutput(tag)`. */
export function sideOutput<T>(name: string): SideOutput<T> {
  return { side: name };
}

/** What tags a side output, its type forgotten. */
type Tag = { readonly side: string };

/** The name of a side output that was asked for; empty, which is no name, of what is no tag. */
export const sideName = (tag: Tag | undefined): string | undefined =>
  tag === undefined ? undefined : (settings(tag).side ?? '');

/** The names of side outputs that were asked for. */
export const sideNames = (tags: readonly Tag[] | undefined): string[] =>
  Array.isArray(tags ?? []) ? (tags ?? []).map((tag) => sideName(tag) ?? '') : [''];
