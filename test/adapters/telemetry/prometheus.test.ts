import { expect, it, onTestFinished } from 'vitest';
import { prometheusTelemetry } from '../../../lib/adapters/telemetry/index.ts';

it('gives counts, readings and observations in the text format of Prometheus', async () => {
  const telemetry = await prometheusTelemetry();
  onTestFinished(() => telemetry.close());
  telemetry.count('millrace.records.in', 2, { stage: 'a', partition: 1 });
  telemetry.count('millrace.records.in', 3, { stage: 'a', partition: 1 });
  telemetry.gauge('millrace.watermark', 7, { stage: 'a' });
  telemetry.gauge('millrace.watermark', 5, { stage: 'a' });
  telemetry.observe('millrace.commit.time', 30, { stage: 'b' });
  telemetry.log('info', 'not a measurement');
  const lines = (await telemetry.text()).split('\n');
  expect(lines).toContain('# TYPE millrace_records_in_total counter');
  expect(lines).toContain('millrace_records_in_total{stage="a",partition="1"} 5');
  expect(lines).toContain('millrace_watermark{stage="a"} 5');
  expect(lines).toContain('millrace_commit_time_count{stage="b"} 1');
  expect(lines).toContain('millrace_commit_time_sum{stage="b"} 30');
});
