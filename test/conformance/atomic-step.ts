import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { AtomicStep, CommitStore, Log, LogEntry, Topic } from '../../lib/ports/index.ts';
import { expectedInSlot, slotOf } from '../../lib/protocol/index.ts';
import { commit, header, task } from './commit-store.ts';
import { frame } from './log.ts';
import { type Opened, skipNote, type Without } from './opened.ts';

/** The three that share a transaction. */
export interface AtomicPorts {
  readonly atomic: AtomicStep;
  readonly log: Log;
  readonly commits: CommitStore;
}

export interface AtomicStepSubject {
  readonly name: string;
  open(): Promise<Opened<AtomicPorts>>;
  readonly without?: Without<'reopen'>;
}

/** Every guarantee of the port AtomicStep. */
export function atomicStepConformance(subject: AtomicStepSubject): void {
  const unless = it.skipIf(subject.without?.reopen !== undefined);

  describe(`AtomicStep: ${subject.name}`, () => {
    let opened: Opened<AtomicPorts>;
    let ports: AtomicPorts;
    let topic: Topic;

    beforeEach(async () => {
      opened = await subject.open();
      ports = opened.port;
      topic = await ports.log.ensureTopic('t', 2);
    });
    afterEach(() => opened.close());

    const entry = (partition: number, n: number): LogEntry => ({ topic: 't', partition, message: frame(n) });
    const step = (version: number, entries: readonly LogEntry[]) =>
      ports.atomic.appendAndPut(
        entries,
        'run-1',
        task,
        slotOf(version, 4),
        commit(version),
        expectedInSlot(version, 4),
      );
    const logged = async (partition: number) => {
      const { messages } = await ports.log.read(topic, partition, 0, { messages: 1_000, bytes: 1_000_000 });
      return messages.map(({ message }) => (message.kind === 'frame' ? message.thru.cause : -1));
    };

    it('appends and commits', async () => {
      expect(await step(0, [entry(0, 1), entry(1, 2), entry(0, 3)])).toBe('committed');
      expect(await logged(0)).toEqual([1, 3]);
      expect(await logged(1)).toEqual([2]);
      expect(await ports.commits.head('run-1', task)).toEqual(header(0));
    });

    it('commits without entries', async () => {
      expect(await step(0, [])).toBe('committed');
      expect((await ports.commits.head('run-1', task))?.version).toBe(0);
    });

    it('appends nothing when the commit is lost', async () => {
      await step(0, [entry(0, 1)]);
      expect(await step(0, [entry(0, 2), entry(1, 3)])).toBe('lost');
      expect(await logged(0)).toEqual([1]);
      expect(await logged(1)).toEqual([]);
      expect(await ports.log.bounds(topic, 0)).toEqual({ start: 0, end: 1 });
    });

    it('commits nothing when the log refuses an entry', async () => {
      await step(0, [entry(0, 1)]);
      await expect(step(1, [entry(0, 2), entry(7, 3)])).rejects.toMatchObject({ kind: 'data-lost' });
      expect(await logged(0)).toEqual([1]);
      expect((await ports.commits.head('run-1', task))?.version).toBe(0);
      expect(await step(1, [entry(0, 4)])).toBe('committed');
      expect(await logged(0)).toEqual([1, 4]);
    });

    it('does nothing when the body cannot be encoded', async () => {
      const broken = {
        header: header(0),
        body: {
          kind: 'inline' as const,
          bytes: (): Uint8Array => {
            throw new Error('no bytes');
          },
        },
      };
      await expect(ports.atomic.appendAndPut([entry(0, 1)], 'run-1', task, 0, broken, 'absent')).rejects.toThrow(
        'no bytes',
      );
      expect(await logged(0)).toEqual([]);
      expect(await ports.commits.head('run-1', task)).toBeUndefined();
      expect(await step(0, [entry(0, 2)])).toBe('committed');
      expect(await logged(0)).toEqual([2]);
    });

    it('works beside plain appends and puts', async () => {
      await ports.log.append([entry(0, 1)]);
      await step(0, [entry(0, 2)]);
      await ports.log.append([entry(0, 3)]);
      expect(await ports.commits.put('run-1', task, 1, commit(1), 'absent')).toBe('committed');
      expect(await step(1, [entry(0, 4)])).toBe('lost');
      expect(await step(2, [entry(0, 5)])).toBe('committed');
      expect(await logged(0)).toEqual([1, 2, 3, 5]);
    });

    it('lets exactly one of racing steps happen', async () => {
      const outcomes = await Promise.all([1, 2, 3, 4].map((n) => step(0, [entry(0, n), entry(1, n)])));
      expect(outcomes.filter((outcome) => outcome === 'committed')).toHaveLength(1);
      expect(await logged(0)).toHaveLength(1);
      expect(await logged(1)).toEqual(await logged(0));
    });

    unless(`has both or neither after opening again${skipNote(subject.without?.reopen)}`, async () => {
      for (let version = 0; version < 6; version++) await step(version, [entry(0, version)]);
      await step(5, [entry(0, 99)]);
      ports = await opened.reopen!();
      expect(await logged(0)).toEqual([0, 1, 2, 3, 4, 5]);
      expect((await ports.commits.head('run-1', task))?.version).toBe(5);
    });
  });
}
