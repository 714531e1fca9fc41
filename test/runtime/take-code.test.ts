import { expect, it } from 'vitest';
import { MemoryCommitStore } from '../../lib/adapters/memory/index.ts';
import { collection, pipeline, toMemory } from '../../lib/index.ts';
import type { Plan } from '../../lib/plan/index.ts';
import type { RunRecord } from '../../lib/protocol/index.ts';
import { newestCode, takeCode } from '../../lib/runtime/run-records.ts';

const planOf = (code: string): Plan =>
  pipeline('p', (p) => p.source('in', collection([1])).to('out', toMemory())).withCode({ in: code }).plan;

it('code that a worker has brought, who has no number, is not taken back by the deployment before it', async () => {
  const commits = new MemoryCommitStore({ volatile: false });
  const run = { id: 'r', pipeline: 'p', plan: planOf('a'), by: 4 } as unknown as RunRecord;
  expect((await takeCode(commits, planOf('b'), run)).version).toBe(1);
  expect(await takeCode(commits, planOf('a'), run, { by: 4 })).toMatchObject({ version: 0, changed: [] });
  expect(await takeCode(commits, planOf('b'), run, { by: 5 })).toMatchObject({ version: 1, changed: [] });
  expect(await takeCode(commits, planOf('a'), run, { by: 6 })).toMatchObject({ version: 2 });
  expect(await newestCode(commits, run)).toMatchObject({ version: 2, by: 6 });
});
