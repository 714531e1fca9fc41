/** What both runs over flights are held against, computed without millrace. */
import { readFileSync } from 'node:fs';
import { expect } from 'vitest';

export const HOUR = 3_600_000;
const SILENCE = 18 * HOUR;
const WEEK = 7 * 24 * HOUR;
const BUSY = 40;

/** Minutes. */
export const isLate = (delay: number): boolean => delay > 15;
export const iso = (time: number): string => new Date(time).toISOString();
export const sorted = (lines: readonly string[]): string[] => lines.toSorted();

/** The lines of a result file. */
export const readRows = (path: string): string[] => readFileSync(path, 'utf8').trimEnd().split('\n');

/** The sketch states a relative error of 1 %. `ascending`: what the quantile is of. */
export function expectWithinError(found: number, ascending: ArrayLike<number>, q: number): void {
  const exact = ascending[Math.floor(q * (ascending.length - 1))] as number;
  if (!(Math.abs(found - exact) <= 0.01 * Math.abs(exact) + 1e-9))
    expect.fail(`the quantile ${q} is ${exact}, and ${found} was found`);
}

/** Eighteen hours after each departure that nothing followed, if there were forty in the seven days before. */
export function alertsOf(flights: readonly { readonly time: number; readonly origin: string }[]): unknown[] {
  const alerts: unknown[] = [];
  for (const [airport, own] of Map.groupBy(flights, ({ origin }) => origin)) {
    const times = Float64Array.from(own, ({ time }) => time).sort();
    let first = 0;
    for (const [i, time] of times.entries()) {
      const at = time + SILENCE;
      if ((times[i + 1] ?? Number.POSITIVE_INFINITY) <= at) continue;
      while ((times[first] as number) <= at - WEEK) first++;
      const departures = i + 1 - first;
      if (departures >= BUSY) alerts.push({ airport, silentSince: iso(time), at: iso(at), departures });
    }
  }
  return alerts;
}
