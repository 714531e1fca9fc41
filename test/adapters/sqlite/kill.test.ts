import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../../../lib/adapters/simulated/index.ts';
import { openSqliteStore } from '../../../lib/adapters/sqlite/index.ts';
import { temporaryDirectory } from '../../conformance/adapters.ts';

const task = { stage: 's', partition: 0 };
const all = { messages: 1_000_000, bytes: Number.MAX_SAFE_INTEGER };

describe('a process that is killed', () => {
  let directory: string;
  let child: ChildProcess | undefined;
  beforeEach(async () => {
    directory = await temporaryDirectory();
  });
  afterEach(async () => {
    child?.kill('SIGKILL');
    await rm(directory, { recursive: true, force: true });
  });

  const begin = async () => {
    child = spawn(process.execPath, [join(import.meta.dirname, 'steps.ts'), directory], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    await once(child.stdout!, 'data');
    return child;
  };
  const open = () => openSqliteStore({ path: join(directory, 'state.db'), clock: new ManualClock() });

  it('leaves whole steps only, and lets go of the directory', async () => {
    for (const pause of [3, 40, 77]) {
      const running = await begin();
      await new Promise((resolve) => setTimeout(resolve, pause));
      running.kill('SIGKILL');
      await once(running, 'exit');

      const seen = await openVersion(directory);
      const store = open();
      const head = await store.commits.head('r', task);
      expect(seen).toBe(head?.version);
      const topic = (await store.log.topic('t'))!;
      for (const partition of [0, 1, 2]) {
        const { messages } = await store.log.read(topic, partition, 0, all);
        const said = messages.map(({ message }) => (message.kind === 'frame' ? message.thru.cause : -1));
        expect(said).toEqual(Array.from({ length: (head?.version ?? -1) + 1 }, (_, version) => version));
      }
      for (const { header, body } of await store.commits.slots('r', task)) {
        const bytes = body.kind === 'inline' ? body.bytes() : new Uint8Array();
        expect(Buffer.from(bytes).equals(Buffer.alloc(5_000, header.version % 256))).toBe(true);
      }
      store.close();
    }
    expect((await openVersion(directory)) ?? 0).toBeGreaterThan(0);
  });

  it('holds the directory while it runs, and is named to who wants it', async () => {
    const running = await begin();
    expect(open).toThrowError(
      expect.objectContaining({
        kind: 'unavailable',
        message: expect.stringContaining(`in use by another process (pid ${running.pid})`),
      }),
    );
  });

  it('can be watched by a reader while it writes', async () => {
    await begin();
    const reader = openSqliteStore({ path: join(directory, 'state.db'), clock: new ManualClock(), readOnly: true });
    const topic = (await reader.log.topic('t'))!;
    let seen = -1;
    await expect
      .poll(async () => {
        const { end } = await reader.log.bounds(topic, 0);
        const head = (await reader.commits.head('r', task))?.version ?? -1;
        expect(head).toBeGreaterThanOrEqual(Math.max(seen, end - 1));
        seen = head;
        return head;
      })
      .toBeGreaterThan(20);
    expect((await reader.log.read(topic, 1, 0, { messages: 5, bytes: 1_000_000 })).messages).toHaveLength(5);
    await expect(reader.log.ensureTopic('new', 1)).rejects.toMatchObject({ kind: 'unavailable' });
    reader.close();
  });
});

async function openVersion(directory: string): Promise<number | undefined> {
  const store = openSqliteStore({ path: join(directory, 'state.db'), clock: new ManualClock(), readOnly: true });
  const head = await store.commits.head('r', task);
  store.close();
  return head?.version;
}
