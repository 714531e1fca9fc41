/** Runs the suite of pipelines on a host. */

import { expect, it, type TestOptions, vi } from 'vitest';
import type { Key } from '../../lib/index.ts';
import type { Fusing, SuiteCase } from './case.ts';
import { suite } from './suite.ts';

export interface KeyedRow {
  readonly key: Key;
  readonly value: unknown;
}

/** A run on a host. */
export interface Started {
  /** What has come to a sink by now. */
  results(id: string): Promise<readonly unknown[]>;
  /** What stands at a sink by now, with its keys. */
  rows(id: string): Promise<readonly KeyedRow[]>;
  /** Ends the sources where they stand. */
  drain(): Promise<void>;
  /** How each process of the run ended. */
  readonly ended: Promise<readonly string[]>;
  /** Values of the dead letters, once the run has ended. */
  letters(): Promise<readonly unknown[]>;
  /** Ends what still goes on, and lets go of everything. */
  close(): Promise<void>;
}

/** Starts a case with its rows in its sources. */
export type SuiteHost = (the: SuiteCase, fusing: Fusing) => Promise<Started>;

/** A test for each case and way of fusing. */
export function runsTheSuite(host: SuiteHost, options: TestOptions = {}): void {
  for (const fusing of ['all', 'none'] as const) {
    for (const the of suite) {
      it(`${the.name}: ${the.shows}${fusing === 'none' ? ', each operator by itself' : ''}`, options, async () => {
        const run = await host(the, fusing);
        try {
          await check(run, the, fusing);
        } finally {
          await run.close();
        }
      });
    }
  }
}

async function check(run: Started, the: SuiteCase, fusing: Fusing): Promise<void> {
  const { beforeDrain, results, tables = {}, judged = {}, letters = [] } = the;
  const found = async (): Promise<Record<string, string[]>> => {
    const lists = Object.keys(results).map(async (id) => [id, await run.results(id)] as const);
    return asTexts(Object.fromEntries(await Promise.all(lists)));
  };
  if (beforeDrain !== undefined) {
    const said = async (): Promise<void> => expect(await found()).toEqual(asTexts(beforeDrain));
    await vi.waitFor(said, { timeout: 30_000, interval: 20 });
    await run.drain();
  }
  expect(new Set(await run.ended)).toEqual(new Set(['finished']));
  expect(await found()).toEqual(asTexts(results));
  for (const [id, rows] of Object.entries(tables)) {
    const stands = (await run.rows(id)).map(({ key, value }) => [textOfKey(key), value]);
    expect(Object.fromEntries(stands), id).toEqual(rows);
  }
  for (const [id, judge] of Object.entries(judged)) judge((await run.results(id)) as readonly never[], fusing);
  expect(asTexts({ letters: await run.letters() })).toEqual(asTexts({ letters }));
}

const textOfKey = (key: Key): string => (typeof key === 'string' ? key : JSON.stringify(key));

/** By name and in an order of their own, with their fields in order. */
function asTexts(lists: Readonly<Record<string, readonly unknown[]>>): Record<string, string[]> {
  const texts = Object.entries(lists).map(([name, list]) => [name, list.map(asText).sort()] as const);
  return Object.fromEntries(texts.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

const asText = (value: unknown): string => JSON.stringify(value, (_, part: unknown) => inOrder(part));

const inOrder = (part: unknown): unknown =>
  typeof part !== 'object' || part === null || Array.isArray(part)
    ? part
    : Object.fromEntries(Object.entries(part).toSorted(([a], [b]) => (a < b ? -1 : 1)));

/** Something for each of a case's sinks. */
export const forSinks = <T>({ results, tables, judged }: SuiteCase, of: (id: string) => T): Record<string, T> =>
  Object.fromEntries(Object.keys({ ...results, ...tables, ...judged }).map((id) => [id, of(id)]));
