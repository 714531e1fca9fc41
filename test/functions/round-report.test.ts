import { expect, it } from 'vitest';
import { controllerMetrics } from '../../functions/controller-metrics.ts';
import { RoundReport } from '../../functions/round-report.ts';
import type { Plan } from '../../lib/plan/index.ts';
import type { Telemetry } from '../../lib/ports/index.ts';
import type { CommitHeader, TaskFacts } from '../../lib/protocol/index.ts';
import { header } from '../conformance/commit-store.ts';

const MINUTE = 60_000;
const task = { stage: 's', partition: 0 };

function facts(version: number, nextOffset: number, end: number): TaskFacts {
  const head: CommitHeader = { ...header(version), task, nextOffset, source: undefined, status: { kind: 'ok' }, at: 0 };
  return { task, head, log: { id: 't', start: 0, end, sealed: false } };
}

const recorder = (): { readonly telemetry: Telemetry; readonly told: [string, number][] } => {
  const told: [string, number][] = [];
  const gauge = (name: string, n: number): void => void told.push([name, n]);
  return { told, telemetry: { count() {}, observe() {}, log() {}, gauge } };
};
const plan = { pipeline: 'p', stages: [{ id: 's' }] } as unknown as Plan;

it('a task lags that has had something to read for minutes, not one that was at rest until now', () => {
  const { told, telemetry } = recorder();
  const report = new RoundReport(telemetry, plan);
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

it('a source that is paused does not lag, and what is behind it does', () => {
  const { told, telemetry } = recorder();
  const report = new RoundReport(telemetry, plan);
  const of = facts(3, 5, 9);
  const source = { generatorWatermark: 0 } as unknown as NonNullable<CommitHeader['source']>;
  const atSource = { ...of, task: { ...task, partition: 1 }, head: { ...of.head!, source } };
  report.tell([atSource, of], [], 0, true);
  report.tell([atSource, of], [], 6 * MINUTE, true);
  expect(told).toEqual([[controllerMetrics.lagging, 1]]);
});
