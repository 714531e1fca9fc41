/** The partial matches of one key as numbers. */
import { MAX_TIME } from '../../model/index.ts';
import { NEVER } from '../../state/index.ts';

/** The partial matches of a key. */
export interface Held {
  /** The next number of a record or a link. */
  next: number;
  /** Partial matches, WIDTH numbers each: by the number of their first record, and so that of two the one comes first whose next record is the earlier. */
  runs: number[];
  /** Matches that wait for partial ones which began earlier: the last link and the first record's number of each, by that. */
  done: number[];
}

/** What the numbers of a partial match are: its last link; its first record's number; first and last record's time; step and count of the last; what it still waits for. */
export const LINK = 0;
export const START = 1;
export const FIRST_TIME = 2;
export const LAST_TIME = 3;
export const STEP = 4;
export const COUNT = 5;
export const ALIVE = 6;
export const WIDTH = 7;

/** In ALIVE: no record has come since the last one taken. The bits above stand for the targets of its position. */
export const FRESH = 1;
export const bitOf = (target: number): number => 2 << target;

/** The earlier of two times, and no later than time goes; NEVER if both are infinite. */
export function earlier(a: number, b: number): number {
  const least = Math.min(a, b);
  return least === NEVER ? NEVER : Math.min(least, MAX_TIME);
}

export function replace(list: number[], by: readonly number[]): void {
  list.length = 0;
  for (let i = 0; i < by.length; i++) list.push(by[i]!);
}

/** Puts a match behind those that began no later. */
export function insert(done: number[], link: number, start: number): void {
  let at = done.length;
  while (at > 0 && done[at - 1]! > start) at -= 2;
  done.splice(at, 0, link, start);
}
