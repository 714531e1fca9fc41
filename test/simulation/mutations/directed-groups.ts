/** Tests of the rules of staged steps, which seeds break too seldom to wait for. */
import { deepStrictEqual, strictEqual } from 'node:assert/strict';
import { keyIdOf } from '../../../lib/model/index.ts';
import type { StepGroup } from '../../../lib/ports/index.ts';
import { ByteReader, type CommitHeader } from '../../../lib/protocol/index.ts';
import { decodeBody } from '../../../lib/runtime/index.ts';
import { StagedStep } from '../../../lib/runtime/staged-step.ts';
import { applyCells, KeyedStore } from '../../../lib/state/index.ts';

const options = { domain: 'event', clone: (value: number) => value } as const;
const group: StepGroup = {
  ...{ due: false, stage: () => 'lost', freed: () => {}, check: () => {}, flush: async () => {} },
};

/** A step that has left the value 1 is staged, and the next one, which has made it 2, is under way. */
function underWay() {
  const store = new KeyedStore();
  store.gather();
  const table = store.table<number>('t', options);
  const cell = table.create(keyIdOf('k'), undefined, 1);
  const sheet = { channels: [], edges: [], sent: {}, sinks: {}, generator: undefined, debts: [] };
  const staged = new StagedStep({} as CommitHeader, sheet, store, () => {});
  store.clear();
  staged.begin(group);
  table.set(cell, 2);
  return staged;
}

function written(staged: StagedStep): number | undefined {
  const store = new KeyedStore();
  const table = store.table<number>('t', options);
  applyCells(store, new ByteReader(decodeBody(staged.body()!).cells));
  return table.find(keyIdOf('k'), undefined)?.value as number | undefined;
}

export const directedGroups = {
  /** While a later step changes the cells, there is no body. */
  noBodyUnderWay: async () => {
    strictEqual(underWay().body(), undefined);
  },
  /** What a step that came to nothing has changed is not written. */
  withoutWhatFailed: async () => {
    const staged = underWay();
    staged.end(group);
    deepStrictEqual(written(staged), 1);
  },
};
