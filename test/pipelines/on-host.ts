/** Runs the suite of pipelines on a host. */
import { expect, it, type TestOptions, vi } from 'vitest';
import type { SuiteCase } from './case.ts';
import { type Fusing, suite } from './suite.ts';

/** A run on a host. */
export interface Started {
  /** What each sink has by now. */
  results(): Promise<Readonly<Record<string, readonly unknown[]>>>;
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
          await check(run, the);
        } finally {
          await run.close();
        }
      });
    }
  }
}

async function check(run: Started, { beforeDrain, results, letters = [] }: SuiteCase): Promise<void> {
  if (beforeDrain !== undefined) {
    const said = async (): Promise<void> => expect(asTexts(await run.results())).toEqual(asTexts(beforeDrain));
    await vi.waitFor(said, { timeout: 30_000, interval: 20 });
    await run.drain();
  }
  expect(new Set(await run.ended)).toEqual(new Set(['finished']));
  expect(asTexts(await run.results())).toEqual(asTexts(results));
  expect(asTexts({ letters: await run.letters() })).toEqual(asTexts({ letters }));
}

/** By name and in an order of their own, with their fields in order. */
function asTexts(lists: Readonly<Record<string, readonly unknown[]>>): Record<string, string[]> {
  const texts = Object.entries(lists).map(([name, list]) => [name, list.map(asText).sort()] as const);
  return Object.fromEntries(texts.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

const asText = (value: unknown): string =>
  JSON.stringify(Object.fromEntries(Object.entries(value as object).toSorted(([a], [b]) => (a < b ? -1 : 1))));

/** Something for each of a case's sinks. */
export const resultsOf = <T>({ results }: SuiteCase, of: (id: string) => T): Record<string, T> =>
  Object.fromEntries(Object.keys(results).map((id) => [id, of(id)]));
