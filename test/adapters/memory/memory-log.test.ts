import { describe, expect, it } from 'vitest';
import { MemoryCommitStore, MemoryLog } from '../../../lib/adapters/memory/index.ts';
import { ManualClock } from '../../../lib/adapters/simulated/index.ts';
import { commit, header, task } from '../../conformance/commit-store.ts';
import { frame } from '../../conformance/log.ts';

const all = { messages: 100, bytes: 1_000_000 };

describe('the log in memory', () => {
  it('hands out the very object that was appended', async () => {
    const log = new MemoryLog(new ManualClock());
    const topic = await log.ensureTopic('t', 1);
    const message = frame(1);
    await log.append([{ topic: 't', partition: 0, message }]);
    expect((await log.read(topic, 0, 0, all)).messages[0]!.message).toBe(message);
    expect(log.maxMessageBytes).toBeUndefined();
  });

  it('hands out another object at each read when it encodes', async () => {
    const log = new MemoryLog(new ManualClock(), { encode: true });
    const topic = await log.ensureTopic('t', 1);
    const message = frame(1);
    await log.append([{ topic: 't', partition: 0, message }]);
    const [first, second] = [await log.read(topic, 0, 0, all), await log.read(topic, 0, 0, all)];
    expect(first.messages[0]!.message).toEqual(message);
    expect(first.messages[0]!.message).not.toBe(message);
    expect(first.messages[0]!.message).not.toBe(second.messages[0]!.message);
  });
});

describe('the commit store in memory', () => {
  const untouchable = {
    kind: 'inline' as const,
    bytes: (): Uint8Array => {
      throw new Error('the body was asked for its bytes');
    },
  };

  it('never asks a body for its bytes when it is volatile', async () => {
    const store = new MemoryCommitStore({ volatile: true });
    expect(store.volatile).toBe(true);
    for (let version = 0; version < 3; version++) {
      await store.put('r', task, version, { header: header(version), body: untouchable }, 'absent');
    }
    const [newest, ...others] = await store.slots('r', task);
    expect(others).toEqual([]);
    expect(newest!.header.version).toBe(2);
    expect(() => newest!.body.kind === 'inline' && newest!.body.bytes()).toThrowError(
      expect.objectContaining({ kind: 'state-lost' }),
    );
  });

  it('writes nothing when a body cannot give its bytes', async () => {
    const store = new MemoryCommitStore({ volatile: false });
    await expect(store.put('r', task, 0, { header: header(0), body: untouchable }, 'absent')).rejects.toThrow();
    expect(await store.slots('r', task)).toEqual([]);
    expect(await store.put('r', task, 0, commit(0), 'absent')).toBe('committed');
  });
});
