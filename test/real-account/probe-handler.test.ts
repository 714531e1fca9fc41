import { describe, expect, it } from 'vitest';
import type { KafkaEvent, KafkaEventRecord } from '../../functions/kafka-event.ts';
import { type ProbePorts, probeHandler } from '../../functions/probe-handler.ts';
import { type ProbeEvent, type ProbeValue, probeNames } from '../../functions/probe-record.ts';
import { MemoryCommitStore } from '../../lib/adapters/memory/index.ts';
import { ManualClock } from '../../lib/adapters/simulated/index.ts';
import type { Duration } from '../../lib/model/index.ts';

const record = (
  offset: number,
  value: ProbeValue | undefined,
  more: Partial<KafkaEventRecord> = {},
): KafkaEventRecord => ({
  ...{ topic: 't', partition: 0, offset, timestamp: 1, timestampType: 'CREATE_TIME', headers: [] },
  ...(value === undefined ? {} : { value: Buffer.from(JSON.stringify(value)).toString('base64') }),
  ...more,
});
const event = (...records: readonly KafkaEventRecord[]): KafkaEvent => ({
  eventSource: 'aws:kafka',
  records: { 't-0': records },
});

function probe(more: Partial<ProbePorts> = {}) {
  const clock = new ManualClock(1_000);
  const commits = new MemoryCommitStore({ volatile: false });
  const sent: ProbeEvent[] = [];
  const handler = probeHandler({
    ...{ commits, clock, run: 'r', generation: '1', instance: 'i', loaded: 7 },
    connect: async () => [],
    send: async (_, event) => void sent.push(event),
    ...more,
  });
  const call = (event: unknown, left = 5_000): Promise<unknown> =>
    handler(event, {
      ...{ awsRequestId: 'q', functionName: 'f', functionVersion: '3' },
      getRemainingTimeInMillis: () => 1_000 + left - clock.now(),
    });
  const written = async (prefix: string) => (await commits.records('r', prefix)).map(({ value }) => value);
  return { call, written, sent, clock };
}

describe("the probe's function", () => {
  it('writes down how records came, and how the call ended', async () => {
    const { call, written } = probe();
    await call(
      event(
        record(4, { id: 'a' }),
        record(5, undefined, { value: null, headers: null }),
        record(6, undefined, { value: '' }),
      ),
    );
    expect(await written(probeNames.call)).toMatchObject([
      {
        ...{ cause: 'delivery', version: '3', generation: '1', instance: 'i', nth: 0, left: 5_000 },
        records: [
          { offset: 4, id: 'a', value: 'text', key: 'absent', headers: '[]' },
          { offset: 5, value: 'null', headers: 'null' },
          { offset: 6, value: 'empty' },
        ],
      },
    ]);
    expect(await written(probeNames.end)).toEqual([{ at: 1_000, outcome: 'done' }]);
  });

  it('fails as often as it is ordered to', async () => {
    const { call, written } = probe();
    const failing = event(record(1, { id: 'f', order: { kind: 'fail', times: 2 } }));
    await expect(call(failing)).rejects.toThrow('as ordered');
    await expect(call(failing)).rejects.toThrow('as ordered');
    await call(failing);
    expect(await written(probeNames.end)).toMatchObject([
      { outcome: 'failed' },
      { outcome: 'failed' },
      { outcome: 'done' },
    ]);
  });

  it('gives signs of life until it is ended, where it is ordered to run into its time limit', async () => {
    const { call, written, clock } = probe();
    void call(event(record(1, { id: 't', order: { kind: 'time-out', times: 1 } })));
    for (let i = 0; i < 30; i++) {
      await new Promise((resolve) => setImmediate(resolve));
      clock.advance(250 as Duration);
    }
    const beats = (await written(probeNames.beat)) as readonly { readonly left: number }[];
    expect(beats[0]?.left).toBeLessThanOrEqual(1_500);
    expect(beats.at(-1)?.left).toBeLessThan(0);
    expect(await written(probeNames.end)).toEqual([]);
  });

  it('calls itself until the chain is long enough', async () => {
    const { call, sent } = probe();
    await call({ probe: 'chain', depth: 1, most: 2 });
    await call({ probe: 'chain', depth: 2, most: 2 });
    expect(sent).toEqual([{ probe: 'chain', depth: 2, most: 2 }]);
  });

  it('answers who it is', async () => {
    expect(await probe().call({ probe: 'who' })).toMatchObject({ generation: '1', version: '3', cause: 'who' });
  });
});
