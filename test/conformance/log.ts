import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { NOTHING } from '../../lib/model/index.ts';
import type { Log, LogEntry, LogMessage, Topic } from '../../lib/ports/index.ts';
import type { Frame, Message } from '../../lib/protocol/index.ts';
import { type Opened, skipNote, type Without } from './opened.ts';

/** A log for the suite, and what its adapter can do beyond the port. */
export interface LogSubject {
  readonly name: string;
  open(): Promise<OpenedLog>;
  /** What this adapter cannot show, each with the reason. */
  readonly without?: Without<'trim' | 'delete-topic' | 'reopen' | 'size-limit' | 'contiguous' | 'whole-appends'>;
}

export interface OpenedLog extends Opened<Log> {
  /** Deletes a topic. */
  deleteTopic?(name: string): Promise<void>;
  /** Sets the clock that gives append times. */
  setTime?(time: number): void;
}

const all = { messages: 1_000_000, bytes: Number.MAX_SAFE_INTEGER };

/** A frame that says which it is. */
export const frame = (n: number, size = 0): Frame => ({
  kind: 'frame',
  run: 'run-1',
  channel: { edge: 'a>b', task: 0 },
  channels: 2,
  epoch: 0,
  prev: n === 0 ? NOTHING : { cause: n - 1, k: Number.POSITIVE_INFINITY },
  thru: { cause: n, k: Number.POSITIVE_INFINITY },
  values: [{ n, text: 'x'.repeat(size) }],
  keys: undefined,
  times: [1_000 + n],
  causes: [n],
  ks: [0],
  steps: [],
});

const entry = (partition: number, n: number, size = 0): LogEntry => ({
  topic: 't',
  partition,
  message: frame(n, size),
});
const numbers = (messages: readonly LogMessage[]) => messages.map(({ message }) => numberOf(message));
const numberOf = (message: Message) => (message.kind === 'frame' ? message.thru.cause : -1);
const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);

/** Every guarantee of the port Log. */
export function logConformance(subject: LogSubject): void {
  const unless = (lack: keyof NonNullable<LogSubject['without']>) => it.skipIf(subject.without?.[lack] !== undefined);
  const because = (lack: keyof NonNullable<LogSubject['without']>) => skipNote(subject.without?.[lack]);

  describe(`Log: ${subject.name}`, () => {
    let opened: OpenedLog;
    let log: Log;
    let topic: Topic;

    beforeEach(async () => {
      opened = await subject.open();
      log = opened.port;
      topic = await log.ensureTopic('t', 2);
    });
    afterEach(() => opened.close());

    const reopen = async () => {
      log = await opened.reopen!();
    };
    /** Reads on from `from` until nothing follows. */
    const readAll = async (partition = 0, from = 0, limit = all) => {
      const messages: LogMessage[] = [];
      for (let next = from; ; ) {
        const slice = await log.read(topic, partition, next, limit);
        messages.push(...slice.messages);
        if (slice.next >= slice.end) return messages;
        expect(slice.messages.length).toBeGreaterThan(0);
        next = slice.next;
      }
    };

    describe('topics', () => {
      it('knows nothing of a topic that was never made', async () => {
        expect(await log.topic('other')).toBeUndefined();
      });

      it('makes a topic once: again it is the same incarnation', async () => {
        expect(await log.ensureTopic('t', 2)).toEqual(topic);
        expect(await log.topic('t')).toEqual(topic);
        expect(topic).toMatchObject({ name: 't', partitions: 2 });
      });

      it('widens a topic that has fewer partitions, and keeps its id and messages', async () => {
        await log.append([entry(1, 7)]);
        const wider = await log.ensureTopic('t', 5);
        expect(wider).toEqual({ name: 't', id: topic.id, partitions: 5 });
        await log.append([entry(4, 8)]);
        expect(numbers((await log.read(wider, 4, 0, all)).messages)).toEqual([8]);
        expect(numbers((await log.read(topic, 1, 0, all)).messages)).toEqual([7]);
      });

      unless('trim')(`goes on where it was when it is widened after a trim${because('trim')}`, async () => {
        await log.append(range(0, 6).map((n) => entry(0, n)));
        await log.trim(topic, 0, 4);
        const wider = await log.ensureTopic('t', 3);
        expect(await log.bounds(wider, 0)).toEqual({ start: 4, end: 6 });
        await log.append([entry(0, 6), entry(2, 0)]);
        expect(await log.bounds(wider, 0)).toEqual({ start: 4, end: 7 });
        if (opened.reopen !== undefined) await reopen();
        expect(await log.bounds(wider, 0)).toEqual({ start: 4, end: 7 });
        expect(numbers((await log.read(wider, 0, 0, all)).messages)).toEqual([4, 5, 6]);
      });

      it('never narrows a topic', async () => {
        expect((await log.ensureTopic('t', 1)).partitions).toBe(2);
      });

      it('gives topics ids of their own', async () => {
        expect((await log.ensureTopic('u', 1)).id).not.toBe(topic.id);
      });

      it('keeps topics apart', async () => {
        const other = await log.ensureTopic('u', 2);
        await log.append([entry(0, 1), { ...entry(0, 2), topic: 'u' }]);
        expect(numbers((await log.read(other, 0, 0, all)).messages)).toEqual([2]);
        expect(numbers(await readAll())).toEqual([1]);
      });

      it('refuses to append to a topic or partition that does not exist, and appends nothing of it', async () => {
        await expect(log.append([{ ...entry(0, 1), topic: 'nowhere' }])).rejects.toMatchObject({ kind: 'data-lost' });
        await expect(log.append([entry(2, 1)])).rejects.toMatchObject({ kind: 'data-lost' });
        expect((await log.bounds(topic, 0)).end).toBe(0);
      });

      unless('delete-topic')(`reads of an earlier incarnation are data-lost${because('delete-topic')}`, async () => {
        await log.append([entry(0, 1)]);
        await opened.deleteTopic!('t');
        await expect(log.read(topic, 0, 0, all)).rejects.toMatchObject({ kind: 'data-lost' });
        const again = await log.ensureTopic('t', 2);
        expect(again.id).not.toBe(topic.id);
        await expect(log.read(topic, 0, 0, all)).rejects.toMatchObject({ kind: 'data-lost' });
        await expect(log.bounds(topic, 0)).rejects.toMatchObject({ kind: 'data-lost' });
        await expect(log.trim(topic, 0, 1)).rejects.toMatchObject({ kind: 'data-lost' });
        expect(await log.bounds(again, 0)).toEqual({ start: 0, end: 0 });
        expect(await log.topic('t')).toEqual(again);
        await log.append([entry(0, 5)]);
        expect(numbers((await log.read(again, 0, 0, all)).messages)).toEqual([5]);
      });
    });

    describe('order', () => {
      it('keeps the order of entries of one append, per partition', async () => {
        await log.append([entry(0, 0), entry(1, 10), entry(0, 1), entry(1, 11), entry(0, 2)]);
        expect(numbers(await readAll(0))).toEqual([0, 1, 2]);
        expect(numbers(await readAll(1))).toEqual([10, 11]);
      });

      it('puts an append behind all that were acknowledged before', async () => {
        for (let n = 0; n < 20; n++) await log.append([entry(0, 2 * n), entry(0, 2 * n + 1)]);
        expect(numbers(await readAll())).toEqual(range(0, 40));
      });

      it('keeps together what concurrent appends say, each in its own order', async () => {
        await Promise.all(range(0, 10).map((w) => log.append(range(0, 5).map((n) => entry(0, 10 * w + n)))));
        const seen = numbers(await readAll());
        expect(seen).toHaveLength(50);
        for (const w of range(0, 10)) {
          expect(seen.filter((n) => Math.floor(n / 10) === w)).toEqual(range(10 * w, 10 * w + 5));
        }
      });

      it('gives ascending offsets', async () => {
        await log.append(range(0, 30).map((n) => entry(0, n)));
        const offsets = (await readAll()).map(({ offset }) => offset);
        expect(offsets).toEqual([...offsets].sort((a, b) => a - b));
        expect(new Set(offsets).size).toBe(30);
      });

      unless('contiguous')(`gives offsets without holes, from 0${because('contiguous')}`, async () => {
        await log.append(range(0, 3).map((n) => entry(0, n)));
        await log.append([entry(0, 3)]);
        expect((await readAll()).map(({ offset }) => offset)).toEqual([0, 1, 2, 3]);
      });

      it('says when each message was appended, never falling', async () => {
        opened.setTime?.(5_000);
        await log.append([entry(0, 0), entry(0, 1)]);
        opened.setTime?.(4_000);
        await log.append([entry(0, 2)]);
        opened.setTime?.(6_000);
        await log.append([entry(0, 3)]);
        const times = (await readAll()).map(({ time }) => time as number);
        if (opened.setTime !== undefined) expect(times).toEqual([5_000, 5_000, 5_000, 6_000]);
        expect(times).toEqual([...times].sort((a, b) => a - b));
      });
    });

    describe('messages', () => {
      it('brings back what was appended, of every kind', async () => {
        const messages: Message[] = [
          {
            ...frame(3),
            keys: ['s:a', 's:b'],
            values: [{ a: 1, list: [1, 'two', null] }, 'text'],
            times: [Number.MIN_SAFE_INTEGER, 5],
            causes: [3, 4],
            ks: [0, 2],
            steps: [0, 17, 2, Number.MAX_SAFE_INTEGER],
            prev: { cause: 1, k: 2 },
          } as Frame,
          frame(4),
          {
            kind: 'claims',
            run: 'run-1',
            time: 1_700_000_000_000,
            edges: [['a>b', 3]],
            list: [
              { channel: { edge: 'a>b', task: 2 }, prev: NOTHING, upTo: 0, watermark: undefined, silentSince: 12 },
              {
                channel: { edge: 'a>b', task: 1 },
                prev: { cause: 9, k: Infinity },
                upTo: 10,
                watermark: 99,
                silentSince: 12,
              },
            ],
          },
          { kind: 'tick', run: 'run-1', time: 1_700_000_000_001 },
          { kind: 'barrier', run: 'run-1', epoch: 2, code: 'abc' },
        ];
        await log.append(messages.map((message) => ({ topic: 't', partition: 1, message })));
        expect((await readAll(1)).map(({ message }) => message)).toEqual(messages);
      });

      it('appends nothing for no entries', async () => {
        await log.append([]);
        expect(await log.bounds(topic, 0)).toEqual({ start: 0, end: 0 });
      });

      unless('size-limit')(
        `refuses a message too large for it, and says how large it may be${because('size-limit')}`,
        async () => {
          expect(log.maxMessageBytes).toBeGreaterThan(0);
          const large = entry(0, 2, log.maxMessageBytes! + 1);
          await expect(log.append([large])).rejects.toMatchObject({
            kind: 'bad-record',
            where: { topic: 't', partition: 0 },
          });
          await log.append([entry(0, 3)]);
          expect(numbers(await readAll())).toEqual([3]);
        },
      );

      unless('whole-appends')(`appends nothing when one entry is refused${because('whole-appends')}`, async () => {
        await expect(log.append([entry(0, 1), { ...entry(0, 2), partition: 9 }])).rejects.toMatchObject({
          kind: 'data-lost',
        });
        expect(await readAll()).toEqual([]);
        await log.append([entry(0, 3)]);
        expect(numbers(await readAll())).toEqual([3]);
      });
    });

    describe('reads', () => {
      it('sees an acknowledged append at once', async () => {
        for (let n = 0; n < 10; n++) {
          const { end } = await log.bounds(topic, 0);
          await log.append([entry(0, n)]);
          expect(numbers((await log.read(topic, 0, end, all)).messages)).toEqual([n]);
        }
      });

      it('finds nothing at the end, and says so', async () => {
        await log.append([entry(0, 0)]);
        const { end } = await log.bounds(topic, 0);
        expect(await log.read(topic, 0, end, all)).toEqual({ messages: [], next: end, start: 0, end });
      });

      it('begins where it is asked to', async () => {
        await log.append(range(0, 10).map((n) => entry(0, n)));
        const offsets = (await readAll()).map(({ offset }) => offset);
        expect(numbers(await readAll(0, offsets[6]!))).toEqual(range(6, 10));
      });

      it('keeps to the number of messages asked for', async () => {
        await log.append(range(0, 10).map((n) => entry(0, n)));
        const slice = await log.read(topic, 0, 0, { messages: 4, bytes: 1_000_000 });
        expect(slice.messages.length).toBeLessThanOrEqual(4);
        expect(numbers(await readAll(0, 0, { messages: 4, bytes: 1_000_000 }))).toEqual(range(0, 10));
      });

      it('keeps to the bytes asked for, but never comes back empty-handed', async () => {
        await log.append(range(0, 10).map((n) => entry(0, n, 1_000)));
        const slice = await log.read(topic, 0, 0, { messages: 100, bytes: 1 });
        expect(slice.messages.length).toBe(1);
        expect(numbers(await readAll(0, 0, { messages: 100, bytes: 2_500 }))).toEqual(range(0, 10));
      });

      it('has looked at everything below next', async () => {
        await log.append(range(0, 10).map((n) => entry(0, n)));
        const slice = await log.read(topic, 0, 0, { messages: 3, bytes: 1_000_000 });
        const rest = await log.read(topic, 0, slice.next, all);
        expect(numbers([...slice.messages, ...rest.messages])).toEqual(range(0, 10));
        expect(rest.next).toBe(rest.end);
      });

      it('reads the same again', async () => {
        await log.append(range(0, 5).map((n) => entry(0, n)));
        expect(await readAll()).toEqual(await readAll());
      });

      it('refuses a partition that does not exist', async () => {
        await expect(log.read(topic, 9, 0, all)).rejects.toMatchObject({ kind: 'data-lost' });
        await expect(log.bounds(topic, 9)).rejects.toMatchObject({ kind: 'data-lost' });
      });

      it('knows where a partition starts and ends', async () => {
        expect(await log.bounds(topic, 0)).toEqual({ start: 0, end: 0 });
        await log.append([entry(0, 0), entry(1, 0), entry(0, 1)]);
        const messages = await readAll();
        expect((await log.bounds(topic, 0)).end).toBeGreaterThan(messages.at(-1)!.offset);
      });
    });

    describe('trimming', () => {
      unless('trim')(`lets go of what lies below${because('trim')}`, async () => {
        await log.append(range(0, 2_000).map((n) => entry(0, n)));
        await log.trim(topic, 0, 1_500);
        expect(await log.bounds(topic, 0)).toEqual({ start: 1_500, end: 2_000 });
        const slice = await log.read(topic, 0, 0, { messages: 10, bytes: 1_000_000 });
        expect(numbers(slice.messages)).toEqual(range(1_500, 1_510));
        expect(slice).toMatchObject({ start: 1_500, end: 2_000, next: 1_510 });
        expect(numbers(await readAll(0, 1_490))).toEqual(range(1_500, 2_000));
      });

      unless('trim')(`goes on behind all it ever held, when everything is trimmed${because('trim')}`, async () => {
        await log.append([entry(0, 0), entry(0, 1)]);
        await log.trim(topic, 0, 2);
        expect(await log.bounds(topic, 0)).toEqual({ start: 2, end: 2 });
        await log.append([entry(0, 2)]);
        const [message] = await readAll();
        expect(message).toMatchObject({ offset: 2 });
        expect(await log.bounds(topic, 0)).toEqual({ start: 2, end: 3 });
      });

      unless('trim')(`never trims beyond the end, nor back${because('trim')}`, async () => {
        await log.append([entry(0, 0), entry(0, 1), entry(0, 2)]);
        await log.trim(topic, 0, 2);
        await log.trim(topic, 0, 1);
        expect(await log.bounds(topic, 0)).toEqual({ start: 2, end: 3 });
        await log.trim(topic, 0, 100);
        expect(await log.bounds(topic, 0)).toEqual({ start: 3, end: 3 });
      });

      unless('trim')(`leaves other partitions alone${because('trim')}`, async () => {
        await log.append([entry(0, 0), entry(1, 1)]);
        await log.trim(topic, 0, 1);
        expect(numbers(await readAll(1))).toEqual([1]);
      });
    });

    describe('opened again', () => {
      unless('reopen')(`still has what was appended${because('reopen')}`, async () => {
        await log.append(range(0, 50).map((n) => entry(n % 2, n)));
        await reopen();
        expect(await log.topic('t')).toEqual(topic);
        expect(numbers(await readAll(0))).toEqual(range(0, 25).map((n) => 2 * n));
        expect(numbers(await readAll(1))).toEqual(range(0, 25).map((n) => 2 * n + 1));
      });

      unless('reopen')(`never uses an offset again${because('reopen')}`, async () => {
        await log.append([entry(0, 0), entry(0, 1)]);
        const { end } = await log.bounds(topic, 0);
        await log.trim(topic, 0, end);
        await reopen();
        expect((await log.bounds(topic, 0)).end).toBe(end);
        await log.append([entry(0, 2)]);
        expect((await readAll(0, end)).map(({ offset }) => offset)).toEqual([end]);
      });

      unless('reopen')(`gives times that do not fall${because('reopen')}`, async () => {
        opened.setTime?.(9_000);
        await log.append([entry(0, 0)]);
        await reopen();
        opened.setTime?.(1_000);
        await log.append([entry(0, 1)]);
        const [first, second] = await readAll();
        expect(second!.time).toBeGreaterThanOrEqual(first!.time);
      });

      unless('reopen')(`reads on from old messages to new ones${because('reopen')}`, async () => {
        await log.append(range(0, 5).map((n) => entry(0, n)));
        await reopen();
        await log.append(range(5, 10).map((n) => entry(0, n)));
        expect(numbers((await log.read(topic, 0, 2, all)).messages)).toEqual(range(2, 10));
        expect(numbers(await readAll(0, 0, { messages: 3, bytes: 1_000_000 }))).toEqual(range(0, 10));
      });
    });
  });
}
