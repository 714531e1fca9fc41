import { chmodSync, mkdirSync, openSync, readFileSync, statSync, writeFileSync, writeSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../../../lib/adapters/simulated/index.ts';
import { openSqliteStore, type SqliteStore, type SqliteStoreOptions } from '../../../lib/adapters/sqlite/index.ts';
import { encodeMessage } from '../../../lib/protocol/index.ts';
import { temporaryDirectory } from '../../conformance/adapters.ts';
import { frame } from '../../conformance/log.ts';
import { header } from './headers.ts';

const task = { stage: 's', partition: 0 };

describe('the state file', () => {
  let directory: string;
  let path: string;
  let store: SqliteStore | undefined;
  beforeEach(async () => {
    directory = await temporaryDirectory();
    path = join(directory, 'state.db');
  });
  afterEach(async () => {
    store?.close();
    store = undefined;
    await rm(directory, { recursive: true, force: true });
  });

  const open = (options: Partial<SqliteStoreOptions> = {}) => {
    store = openSqliteStore({ path, clock: new ManualClock(), ...options });
    return store;
  };
  const fill = async (frames = 20) => {
    const { log, close } = open();
    await log.ensureTopic('t', 1);
    for (let n = 0; n < frames; n++) await log.append([{ topic: 't', partition: 0, message: frame(n, 20_000) }]);
    close();
  };
  const thrown = (work: () => unknown) => {
    try {
      work();
    } catch (error) {
      return error;
    }
    throw new Error('nothing was thrown');
  };

  describe('that is not fit', () => {
    it('is refused as incompatible when it is no database', () => {
      writeFileSync(path, 'name,age\n'.repeat(1_000));
      expect(thrown(open)).toMatchObject({ kind: 'incompatible', where: { file: path }, hint: expect.any(String) });
      expect(readFileSync(path, 'utf8')).toBe('name,age\n'.repeat(1_000));
    });

    it('is refused as incompatible when it is the database of something else, and left as it is', () => {
      const other = new DatabaseSync(path);
      other.exec('CREATE TABLE people (name)');
      other.close();
      const before = readFileSync(path);
      expect(thrown(open)).toMatchObject({
        kind: 'incompatible',
        message: expect.stringContaining('not a state file'),
      });
      expect(readFileSync(path).equals(before)).toBe(true);
    });

    it('is refused as incompatible when a newer version wrote it', async () => {
      await fill(1);
      const newer = new DatabaseSync(path);
      newer.exec('PRAGMA user_version = 99');
      newer.close();
      for (const readOnly of [false, true]) {
        expect(thrown(() => open({ readOnly }))).toMatchObject({
          kind: 'incompatible',
          message: expect.stringContaining('format 99'),
          hint: expect.stringContaining('newer'),
        });
      }
    });

    it('is data-lost when its pages are overwritten, at opening or at the first touch', async () => {
      await fill();
      const file = openSync(path, 'r+');
      writeSync(file, Buffer.alloc(statSync(path).size - 8_192, 0x5a), 0, undefined, 8_192);
      const damaged = async () => {
        const { log } = open();
        const topic = (await log.topic('t'))!;
        await log.read(topic, 0, 0, { messages: 100, bytes: 1e9 });
      };
      await expect(damaged()).rejects.toMatchObject({
        kind: 'data-lost',
        message: `the state file is damaged: ${path}`,
        hint: expect.any(String),
      });
    });

    it('is data-lost when its end is cut off', async () => {
      await fill();
      const content = readFileSync(path);
      writeFileSync(path, content.subarray(0, Math.floor(content.length / 2 / 8_192) * 8_192));
      const damaged = async () => {
        const { log } = open();
        const topic = (await log.topic('t'))!;
        await log.read(topic, 0, 0, { messages: 100, bytes: 1e9 });
      };
      await expect(damaged()).rejects.toMatchObject({ kind: 'data-lost' });
    });

    it('is data-lost when a message is missing from it', async () => {
      await fill(5);
      const other = new DatabaseSync(path);
      other.exec('DELETE FROM messages WHERE id % 8 = 3');
      other.close();
      const { log } = open();
      const topic = (await log.topic('t'))!;
      await expect(log.read(topic, 0, 0, { messages: 100, bytes: 1e9 })).rejects.toMatchObject({
        kind: 'data-lost',
        where: { topic: 't', partition: 0, offset: 3 },
      });
    });
  });

  it('is data-lost when a message in it was changed, and says which', async () => {
    await fill(3);
    const other = new DatabaseSync(path);
    const { id, bytes } = other.prepare('SELECT id, bytes FROM messages ORDER BY id LIMIT 1 OFFSET 1').get() as {
      id: number;
      bytes: Uint8Array;
    };
    bytes[100]! ^= 1;
    other.prepare('UPDATE messages SET bytes = ? WHERE id = ?').run(bytes, id);
    other.close();
    const { log } = open();
    const topic = (await log.topic('t'))!;
    await expect(log.read(topic, 0, 0, { messages: 100, bytes: 1e9 })).rejects.toMatchObject({
      kind: 'data-lost',
      where: { topic: 't', partition: 0, offset: 1 },
    });
  });

  describe('that cannot be reached', () => {
    it('is unavailable when it is to be read and is not there', () => {
      expect(thrown(() => open({ readOnly: true }))).toMatchObject({ kind: 'unavailable', retry: false });
    });

    it('is unavailable when its place is a folder', () => {
      mkdirSync(path);
      expect(thrown(open)).toMatchObject({ kind: 'unavailable', where: { file: path } });
    });

    it.skipIf(process.getuid?.() === 0)(
      'is unavailable when it may not be written [skipped: root may write everything]',
      async () => {
        await fill(1);
        chmodSync(path, 0o444);
        expect(thrown(open)).toMatchObject({ kind: 'unavailable', hint: expect.stringContaining('permissions') });
      },
    );

    it('is unavailable once it has been closed', async () => {
      const { log, commits, close } = open();
      await log.ensureTopic('t', 1);
      close();
      close();
      await expect(log.append([{ topic: 't', partition: 0, message: frame(1) }])).rejects.toMatchObject({
        kind: 'unavailable',
      });
      await expect(commits.head('r', task)).rejects.toMatchObject({ kind: 'unavailable' });
    });

    it('is in use: a second store on the directory is refused, until the first is closed', () => {
      const first = open();
      expect(thrown(() => openSqliteStore({ path, clock: new ManualClock() }))).toMatchObject({
        kind: 'unavailable',
        message: expect.stringContaining(`(pid ${process.pid})`),
        hint: expect.any(String),
      });
      first.close();
      open();
    });
  });

  describe('on a full disk', () => {
    it('is unavailable, keeps what it had and goes on once there is room', async () => {
      const { log, commits, atomic, close } = open({ maxFileBytes: 400_000 });
      const topic = await log.ensureTopic('t', 1);
      let committed = 0;
      const step = (version: number) => {
        const body = new Uint8Array(100);
        const commit = { header: header(version, task), body: { kind: 'inline' as const, bytes: () => body } };
        const entries = [{ topic: 't', partition: 0, message: frame(version, 20_000) }];
        return atomic.appendAndPut(entries, 'r', task, version, commit, 'absent');
      };
      const untilFull = async () => {
        for (; committed < 1_000; committed++) await step(committed);
      };
      await expect(untilFull()).rejects.toMatchObject({
        kind: 'unavailable',
        retry: true,
        message: expect.stringContaining('disk is full'),
        hint: expect.any(String),
      });
      expect(committed).toBeGreaterThan(5);
      expect(await log.bounds(topic, 0)).toEqual({ start: 0, end: committed });
      expect((await commits.head('r', task))?.version).toBe(committed - 1);
      const { messages } = await log.read(topic, 0, 0, { messages: 1_000, bytes: 1e9 });
      expect(messages.map(({ offset }) => offset)).toEqual(Array.from({ length: committed }, (_, i) => i));
      close();

      const again = open();
      expect((await again.commits.head('r', task))?.version).toBe(committed - 1);
      await again.log.append([{ topic: 't', partition: 0, message: frame(committed) }]);
      expect((await again.log.bounds(topic, 0)).end).toBe(committed + 1);
    });
  });

  it('keeps nothing of a step that fails half-way, and looks again at what the file has', async () => {
    const { log, commits, atomic } = open();
    const topic = await log.ensureTopic('t', 1);
    await log.append([0, 1].map((n) => ({ topic: 't', partition: 0, message: frame(n) })));
    const other = new DatabaseSync(path);
    const { id, time } = other.prepare('SELECT max(id) AS id, time FROM messages').get() as {
      id: number;
      time: number;
    };
    other.prepare('INSERT INTO messages (id, time, bytes) VALUES (?, ?, ?)').run(id + 1, time, encodeMessage(frame(2)));
    other.exec('UPDATE partitions SET next = 3');
    other.close();

    const step = () => {
      const body = { kind: 'inline' as const, bytes: () => new Uint8Array(1) };
      const entries = [{ topic: 't', partition: 0, message: frame(3) }];
      return atomic.appendAndPut(entries, 'r', task, 0, { header: header(0, task), body }, 'absent');
    };
    await expect(step()).rejects.toMatchObject({ kind: 'internal' });
    expect(await commits.head('r', task)).toBeUndefined();
    expect(await log.bounds(topic, 0)).toEqual({ start: 0, end: 3 });
    expect(await step()).toBe('committed');
    const { messages } = await log.read(topic, 0, 0, { messages: 100, bytes: 1e9 });
    expect(messages.map(({ message }) => message)).toEqual([0, 1, 2, 3].map((n) => frame(n)));
  });

  it('does not grow with what has passed through it', async () => {
    const { log, close } = open({ cache: { messages: 10, bytes: 1_000_000 } });
    const topic = await log.ensureTopic('t', 2);
    for (let n = 0; n < 1_000; n++) {
      const message = frame(n, 9_000 + (n % 7) * 900);
      await log.append([0, 1].map((partition) => ({ topic: 't', partition, message })));
      for (const partition of [0, 1]) await log.trim(topic, partition, n - 5);
    }
    expect(statSync(`${path}-wal`).size).toBeLessThan(64_000_000);
    expect(await log.bounds(topic, 0)).toEqual({ start: 994, end: 1_000 });
    close();
    expect(statSync(path).size).toBeLessThan(1_000_000);
  });

  it('deletes what was trimmed at the latest when it is closed', async () => {
    const { log, close } = open();
    const topic = await log.ensureTopic('t', 1);
    for (let n = 0; n < 5; n++) await log.append([{ topic: 't', partition: 0, message: frame(n) }]);
    await log.trim(topic, 0, 4);
    close();
    const database = new DatabaseSync(path);
    expect(database.prepare('SELECT count(*) AS n FROM messages').get()).toEqual({ n: 1 });
    database.close();
    expect(await open().log.bounds(topic, 0)).toEqual({ start: 4, end: 5 });
  });

  it('hands out what was appended last as the object it was, within the bounds of its cache', async () => {
    const { log } = open({ cache: { messages: 3, bytes: 1_000_000 } });
    const topic = await log.ensureTopic('t', 1);
    const messages = Array.from({ length: 5 }, (_, n) => frame(n));
    for (const message of messages) await log.append([{ topic: 't', partition: 0, message }]);
    const read = await log.read(topic, 0, 0, { messages: 10, bytes: 1_000_000 });
    expect(read.messages.map(({ message }, n) => message === messages[n])).toEqual([false, false, true, true, true]);
    expect(read.messages.map(({ message }) => message)).toEqual(messages);
  });
});
