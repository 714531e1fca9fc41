import type { Meter } from '@opentelemetry/api';
import { describe, expect, it } from 'vitest';
import {
  combineTelemetry,
  openTelemetry,
  pinoTelemetry,
  recordingTelemetry,
  silentTelemetry,
} from '../../../lib/adapters/telemetry/index.ts';

describe('the recording telemetry', () => {
  it('adds up counters per label set, whatever the order of the labels', () => {
    const telemetry = recordingTelemetry();
    telemetry.count('records', 2, { operator: 'a', task: 0 });
    telemetry.count('records', 3, { task: 0, operator: 'a' });
    telemetry.count('records', 5, { operator: 'a', task: 1 });
    telemetry.count('records', 7, { operator: 'b', task: 0 });
    expect(telemetry.counter('records', { operator: 'a', task: 0 })).toBe(5);
    expect(telemetry.counter('records', { operator: 'a' })).toBe(10);
    expect(telemetry.counter('records')).toBe(17);
    expect(telemetry.counter('records', { operator: 'c' })).toBe(0);
    expect(telemetry.counter('other')).toBe(0);
    expect(telemetry.counters('records', { task: 0 }).map(({ value }) => value)).toEqual([5, 7]);
  });

  it('keeps the last value of a gauge, and gives the least of several', () => {
    const telemetry = recordingTelemetry();
    telemetry.gauge('watermark', 9, { task: 0 });
    telemetry.gauge('watermark', 5, { task: 0 });
    telemetry.gauge('watermark', 7, { task: 1 });
    expect(telemetry.reading('watermark', { task: 0 })).toBe(5);
    expect(telemetry.reading('watermark')).toBe(5);
    expect(telemetry.reading('watermark', { task: 2 })).toBeUndefined();
    expect(telemetry.gauges('watermark')).toHaveLength(2);
  });

  it('sums up observations', () => {
    const telemetry = recordingTelemetry();
    for (const ms of [3, 9, 6]) telemetry.observe('commit', ms, { task: ms % 2 });
    expect(telemetry.observations('commit')).toEqual({ count: 3, sum: 18, max: 9 });
    expect(telemetry.observations('commit', { task: 0 })).toEqual({ count: 1, sum: 6, max: 6 });
    expect(telemetry.metrics()).toEqual(['commit']);
  });

  it('keeps the last log lines', () => {
    const telemetry = recordingTelemetry({ lines: 3 });
    for (let n = 0; n < 20; n++) telemetry.log(n % 2 === 0 ? 'info' : 'warn', `line ${n}`, { n });
    expect(telemetry.lines().map(({ message }) => message)).toEqual(['line 17', 'line 18', 'line 19']);
    expect(telemetry.lines('info')).toEqual([{ level: 'info', message: 'line 18', fields: { n: 18 } }]);
  });
});

describe('telemetry to several', () => {
  it('tells each of them everything', () => {
    const [one, two] = [recordingTelemetry(), recordingTelemetry()];
    const both = combineTelemetry(one, two, silentTelemetry);
    both.count('c', 1, {});
    both.gauge('g', 2, {});
    both.observe('o', 3, {});
    both.log('error', 'text', { a: 1 });
    for (const telemetry of [one, two]) {
      expect(telemetry.counter('c')).toBe(1);
      expect(telemetry.reading('g')).toBe(2);
      expect(telemetry.observations('o').sum).toBe(3);
      expect(telemetry.lines()).toEqual([{ level: 'error', message: 'text', fields: { a: 1 } }]);
    }
    expect(combineTelemetry()).toBe(silentTelemetry);
    expect(combineTelemetry(one)).toBe(one);
  });
});

describe('telemetry through OpenTelemetry', () => {
  const recorded: unknown[][] = [];
  const made: string[] = [];
  const instrument = (kind: string) => (name: string) => {
    made.push(`${kind} ${name}`);
    const record = (value: number, labels: unknown) => void recorded.push([kind, name, value, labels]);
    return { add: record, record };
  };
  const meter = {
    createCounter: instrument('counter'),
    createGauge: instrument('gauge'),
    createHistogram: instrument('histogram'),
  } as unknown as Meter;

  it('makes one instrument a metric and records on it', () => {
    const telemetry = openTelemetry({ meter });
    telemetry.count('c', 1, { a: 'x' });
    telemetry.count('c', 2, { a: 'y' });
    telemetry.gauge('g', 3, {});
    telemetry.observe('o', 4, {});
    telemetry.log('info', 'nothing');
    expect(made).toEqual(['counter c', 'gauge g', 'histogram o']);
    expect(recorded).toEqual([
      ['counter', 'c', 1, { a: 'x' }],
      ['counter', 'c', 2, { a: 'y' }],
      ['gauge', 'g', 3, {}],
      ['histogram', 'o', 4, {}],
    ]);
  });

  it('does nothing where no provider is registered, and never throws', () => {
    openTelemetry().count('c', 1, {});
    const broken = {
      createCounter: () => {
        throw new Error('broken');
      },
    } as unknown as Meter;
    openTelemetry({ meter: broken }).count('c', 1, {});
  });
});

describe('log lines', () => {
  const lines: Record<string, unknown>[] = [];
  const destination = { write: (line: string) => void lines.push(JSON.parse(line)) };

  it('are JSON with level, time, fields and message; an error with its kind', () => {
    const telemetry = pinoTelemetry({ destination });
    telemetry.log('debug', 'not written');
    telemetry.log('warn', 'late records', { operator: 'a', n: 3 });
    telemetry.log('error', 'stopped', { error: new Error('gone') });
    expect(lines).toHaveLength(2);
    expect(lines[0]).toMatchObject({ level: 'warn', msg: 'late records', operator: 'a', n: 3, name: 'millrace' });
    expect(String(lines[0]!['time'])).toMatch(/^\d{4}-\d\d-\d\dT/);
    expect(lines[1]).toMatchObject({ level: 'error', error: { type: 'Error', message: 'gone' } });
    telemetry.count('c', 1, {});
  });
});
