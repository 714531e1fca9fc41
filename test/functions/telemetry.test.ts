import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { functionTelemetry } from '../../functions/telemetry.ts';
import { metrics } from '../../lib/runtime/index.ts';

let lines: Record<string, unknown>[];
beforeEach(() => {
  lines = [];
  vi.spyOn(process.stdout, 'write').mockImplementation((text: unknown): boolean => {
    for (const line of String(text).trim().split('\n')) lines.push(JSON.parse(line) as Record<string, unknown>);
    return true;
  });
});
afterEach(() => {
  vi.restoreAllMocks();
});

describe('the metrics of a function', () => {
  it('are those that are worth their price, and what authors count', () => {
    const telemetry = functionTelemetry({ pipeline: 'sums', stage: 'sum', first: 'sum' });
    const labels = { pipeline: 'sums', stage: 'sum', partition: 0, operator: 'sum' };
    telemetry.count(`${metrics.counted}alerts`, 2, labels);
    telemetry.count(`${metrics.counted}alerts`, 3, { ...labels, partition: 1 });
    telemetry.count(`${metrics.records}unwindowed`, 7, labels);
    telemetry.flush();
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatchObject({ pipeline: 'sums', stage: 'sum', 'millrace.counted.alerts': 5 });
    expect(Object.keys(lines[0]!)).not.toContain(`${metrics.records}unwindowed`);
  });
});
