import { expect, it } from 'vitest';
import { controllerMetrics } from '../../functions/controller-metrics.ts';
import { RoundReport } from '../../functions/round-report.ts';
import type { Plan } from '../../lib/plan/index.ts';
import type { CommitHeader, TaskFacts } from '../../lib/protocol/index.ts';
import { header } from '../conformance/commit-store.ts';

const MINUTE = 60_000;
const task = { stage: 's', partition: 0 };

function facts(version: number, nextOffset: number, end: number): TaskFacts {
  const head: CommitHeader = { ...header(version), task, nextOffset, source: undefined, status: { kind: 'ok' }, at: 0 };
  return { task, head, log: { id: 't', start: 0, end, sealed: false } };
}

it('a task lags that has had something to read for minutes, not one that was at rest until now', () => {
  const told: [string, number][] = [];
  const telemetry = {
    count() {},
    observe() {},
    log() {},
    gauge: (name: string, n: number) => void told.push([name, n]),
  };
  const report = new RoundReport(telemetry, { pipeline: 'p', stages: [{ id: 's' }] } as unknown as Plan);
  const round = (minute: number, each: TaskFacts): [string, number][] => {
    report.tell([each], [], minute * MINUTE);
    return told.splice(0);
  };
  expect(round(60, facts(3, 5, 5))).toEqual([]);
  expect(round(61, facts(3, 5, 9))).toEqual([]);
  expect(round(62, facts(4, 7, 9))).toEqual([]);
  expect(round(67, facts(4, 7, 9))).toEqual([]);
  expect(round(68, facts(4, 7, 9))).toEqual([[controllerMetrics.lagging, 1]]);
  expect(round(69, facts(5, 9, 9))).toEqual([[controllerMetrics.lagging, 0]]);
});
