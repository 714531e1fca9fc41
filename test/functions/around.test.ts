import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type AuthorMiddleware, around } from '../../functions/around.ts';
import { stageMetrics } from '../../functions/stage-metrics.ts';
import { functionTelemetry } from '../../functions/telemetry.ts';
import { metrics } from '../../lib/runtime/index.ts';

const context = { getRemainingTimeInMillis: () => 60_000, awsRequestId: 'r-1', functionName: 'f' };

/** What was written to standard output, line by line. */
let lines: Record<string, unknown>[] = [];

beforeEach(() => {
  lines = [];
  const write = (text: unknown): boolean => {
    for (const line of String(text).trim().split('\n')) lines.push(JSON.parse(line) as Record<string, unknown>);
    return true;
  };
  vi.spyOn(process.stdout, 'write').mockImplementation(write);
  vi.spyOn(process.stderr, 'write').mockImplementation(write);
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
});

function surrounded(handler: (event: unknown) => Promise<unknown>, middleware?: AuthorMiddleware, stage = 'sum') {
  const telemetry = functionTelemetry({ pipeline: 'sums', stage, first: 'sum' });
  const call = around(handler, { telemetry, pipeline: 'sums', stage, middleware });
  return { telemetry, call: (event: unknown) => call(event, context) };
}

const failures = (): unknown[] =>
  lines.filter((line) => stageMetrics.middleware in line).map((line) => line[stageMetrics.middleware]);

describe("the author's middleware", () => {
  it('is called once for each invocation, in the order of middy, and sees event, context and error', async () => {
    const calls: string[] = [];
    const named = (name: string) => ({
      before: ({ event, context }: { event: unknown; context: { awsRequestId: string } }) =>
        void calls.push(`${name} before ${event} ${context.awsRequestId}`),
      after: () => void calls.push(`${name} after`),
      onError: ({ error }: { error?: Error | null | undefined }) => void calls.push(`${name} error ${error?.message}`),
    });
    const { call } = surrounded(
      async (event) => {
        if (event === 'bad') throw new Error('away');
        calls.push('work');
      },
      [named('a'), named('b')],
    );
    await call('one');
    expect(calls.splice(0)).toEqual(['a before one r-1', 'b before one r-1', 'work', 'b after', 'a after']);
    await expect(call('bad')).rejects.toThrow('away');
    expect(calls).toEqual(['a before bad r-1', 'b before bad r-1', 'b error away', 'a error away']);
  });

  it.each(['before', 'after', 'onError'] as const)('that throws in %s changes nothing but a count', async (hook) => {
    const throwing = async () => {
      throw new Error('mine');
    };
    const { call } = surrounded(
      async (event) => {
        if (event === 'bad') throw new Error('away');
        return event;
      },
      [{ [hook]: throwing }],
    );
    if (hook !== 'onError') expect(await call('good')).toBe('good');
    else await expect(call('bad')).rejects.toThrow('away');
    expect(failures()).toEqual([1]);
    expect(lines.map(({ message }) => message)).toContain(`middleware failed in ${hook}: mine`);
  });

  it('that answers early, or answers an error away, changes nothing', async () => {
    const early = { before: () => 'early', after: () => 'late', onError: () => 'never mind' };
    const set = (request: { earlyResponse?: unknown; response?: unknown }) => {
      request.earlyResponse = 'set';
      request.response = 'set';
    };
    let worked = 0;
    const { call } = surrounded(
      async (event) => {
        worked++;
        if (event === 'bad') throw new Error('away');
        return 'done';
      },
      [early, { before: set, after: set, onError: set }],
    );
    expect(await call('good')).toBe('done');
    await expect(call('bad')).rejects.toThrow('away');
    expect(worked).toBe(2);
  });

  it('may be given by stage', async () => {
    const stages: string[] = [];
    const middleware = (stage: string) => [{ before: () => void stages.push(stage) }];
    await surrounded(async () => {}, middleware, 'one').call({});
    await surrounded(async () => {}, middleware, 'two').call({});
    expect(stages).toEqual(['one', 'two']);
  });

  it.each([
    [
      'throws',
      () => {
        throw new Error('no');
      },
    ],
    ['is no list', (() => 7) as never],
  ])('that cannot be made, since it %s, is done without', async (_, middleware) => {
    expect(await surrounded(async () => 'done', middleware).call({})).toBe('done');
    expect(failures()).toEqual([1]);
  });

  it('that never ends is not waited for', async () => {
    vi.useFakeTimers();
    try {
      const { call } = surrounded(async () => 'done', [{ before: () => new Promise(() => {}) }]);
      const done = call({});
      await vi.advanceTimersByTimeAsync(5_000);
      expect(await done).toBe('done');
    } finally {
      vi.useRealTimers();
    }
  });
});

describe('what a function tells', () => {
  const task = { pipeline: 'sums', stage: 'sum', partition: 3 };

  it('are metrics of pipeline and stage, added up over its tasks, at the end of an invocation', async () => {
    const { call, telemetry } = surrounded(async () => {
      telemetry.count(metrics.recordsIn, 4, { ...task, operator: 'sum' });
      telemetry.count(metrics.recordsIn, 5, { ...task, partition: 4, operator: 'sum' });
      telemetry.count(metrics.recordsIn, 9, { ...task, operator: 'then' });
      telemetry.gauge(metrics.watermarkLag, 100, task);
      telemetry.gauge(metrics.watermarkLag, 300, { ...task, partition: 4 });
      telemetry.gauge(metrics.stateEntries, 7, task);
      telemetry.count(stageMetrics.failures, 1, { pipeline: 'sums', stage: 'sum' });
    });
    await call({});
    await call({});
    const [first, second] = lines.filter((line) => '_aws' in line);
    const { _aws, ...values } = first as { _aws: { CloudWatchMetrics: unknown } };
    expect(values).toEqual({
      ...{ pipeline: 'sums', stage: 'sum' },
      'millrace.records.in': 9,
      'millrace.watermark.lag': [100, 300],
      'millrace.steps.failed': 1,
    });
    expect(_aws.CloudWatchMetrics).toMatchObject([{ Namespace: 'millrace', Dimensions: [['pipeline', 'stage']] }]);
    expect(second).toMatchObject({ 'millrace.records.in': 9 });
  });

  it('is nothing where nothing happened', async () => {
    await surrounded(async () => {}).call({});
    expect(lines).toEqual([]);
  });

  it('are lines with the request, the pipeline and the stage', async () => {
    const { call, telemetry } = surrounded(async () => telemetry.log('warn', 'look', { at: 7 }));
    await call({});
    expect(lines).toMatchObject([
      { level: 'WARN', message: 'look', service: 'sums', stage: 'sum', at: 7, function_request_id: 'r-1' },
    ]);
  });

  it('goes to X-Ray only where tracing is on', async () => {
    vi.stubEnv('POWERTOOLS_TRACE_ENABLED', 'true');
    expect(await surrounded(async () => 'done').call({})).toBe('done');
  });
});
