// What an event source mapping of Kafka does.
import { setTimeout as sleep } from 'node:timers/promises';
import { UpdateEventSourceMappingCommand } from '@aws-sdk/client-lambda';
import { PARTITIONS } from './probe.ts';
import type { Question } from './question.ts';
import {
  came,
  deliveriesIn,
  deliveriesOf,
  holdSame,
  mixingIn,
  outlived,
  pausesBetween,
  type SeenCall,
  secondsText,
} from './seen.ts';

/** Seconds that the first delivery of a new mapping, or of one that was changed, may take. */
const FIRST = 420;
const SOON = 90;

const bytes = (...numbers: readonly number[]): Uint8Array => Uint8Array.from(numbers);

export const deliveryQuestions: readonly Question[] = [
  {
    id: 'record-forms',
    text: 'How does an event write down tombstones, missing keys and header bytes?',
    async ask(probe) {
      await probe.feed([
        { partition: 0, value: undefined, key: Buffer.from('tombstone') },
        { partition: 0, value: bytes() },
        {
          partition: 0,
          value: { id: 'forms' },
          headers: [
            ['h', bytes(0, 127, 128, 255)],
            ['e', bytes()],
            ['n', undefined],
          ],
        },
      ]);
      const calls = await probe.until(came('forms'), FIRST);
      const [first, second, third] = deliveriesIn(calls)
        .flatMap(({ records = [] }) => records)
        .filter(({ partition }) => partition === 0)
        .sort((a, b) => a.offset - b.offset);
      if (first === undefined || second === undefined || third === undefined)
        return { text: 'nothing was delivered', holds: false };
      return {
        text: `a tombstone's value is ${first.value}, an empty value ${second.value}, a missing key ${second.key}, no headers ${second.headers}; headers of bytes 0 127 128 255, of none and of null: ${third.headers}`,
        holds: first.value !== 'text',
      };
    },
  },
  {
    id: 'aborted-transactions',
    text: 'Are records of aborted transactions delivered?',
    async ask(probe) {
      const { topic } = probe.options.target;
      await probe.transacting('aborted', async (producer) => {
        for (const outcome of ['aborted', 'committed'] as const) {
          const transaction = await producer.transaction();
          await transaction.send({ topic, messages: [{ partition: 1, value: JSON.stringify({ id: outcome }) }] });
          await (outcome === 'aborted' ? transaction.abort() : transaction.commit());
        }
      });
      const calls = await probe.until(came('committed'), SOON);
      const delivered = deliveriesOf(calls, 'aborted').length > 0;
      return { text: delivered ? 'yes: it reads uncommitted' : 'no: it reads committed' };
    },
  },
  {
    id: 'open-transactions',
    text: 'Do open transactions hold back what stands behind them, or are their records delivered before they end?',
    async ask(probe) {
      const { topic } = probe.options.target;
      const open = probe.options.isLocal ? 4 : 15;
      let ended = 0;
      await probe.transacting('open', async (producer) => {
        const transaction = await producer.transaction();
        await transaction.send({
          topic,
          messages: [{ partition: 2, value: JSON.stringify({ id: 'in-transaction' }) }],
        });
        await probe.feed([{ partition: 2, value: { id: 'behind' } }]);
        await sleep(open * 1_000);
        ended = Date.now();
        await transaction.commit();
      });
      const calls = await probe.until(came('in-transaction', 'behind'), SOON);
      const before = (id: string): string => {
        const [first] = deliveriesOf(calls, id);
        return first === undefined ? 'never came' : first.start < ended ? 'came before its end' : 'came after its end';
      };
      return { text: `a record of a transaction ${before('in-transaction')}, one behind it ${before('behind')}` };
    },
  },
  {
    id: 'mixed-partitions',
    text: 'How often does a delivery hold several partitions, and how long does it wait?',
    async ask(probe) {
      const rounds = probe.options.isLocal ? 3 : 20;
      const began = Date.now();
      for (let round = 0; round < rounds; round++) {
        await probe.feed(
          Array.from({ length: 10 * PARTITIONS }, (_, i) => ({
            ...{ partition: i % PARTITIONS, value: { id: `mix-${round}-${i}` } },
          })),
        );
        await sleep(500);
      }
      const last = `mix-${rounds - 1}-${10 * PARTITIONS - 1}`;
      const calls = (await probe.until(came(last), SOON)).filter(({ start }) => start >= began);
      const { deliveries, mixed, meanRecords, delay } = mixingIn(calls);
      return {
        text: `${mixed} of ${deliveries} deliveries were mixed; ${meanRecords.toFixed(1)} records each, ${secondsText(delay)} from a record to its delivery`,
      };
    },
  },
  {
    id: 'failing-deliveries',
    text: 'After a failure, is the same delivery made again, after what pause, and does anything of its partition overtake it?',
    async ask(probe) {
      await probe.feed([
        { partition: 3, value: { id: 'before-failing' } },
        { partition: 3, value: { id: 'failing', order: { kind: 'fail', times: 3 } } },
        { partition: 3, value: { id: 'with-failing' } },
      ]);
      await sleep(2_500);
      await probe.feed([{ partition: 3, value: { id: 'after-failing' } }]);
      const calls = await probe.until(came('failing', 'after-failing'), SOON * 2);
      const tries = deliveriesOf(calls, 'failing');
      const done = tries.findIndex(({ end }) => end?.outcome === 'done');
      if (done < 0) return { text: `it did not succeed in ${tries.length} attempts`, holds: false };
      const same = tries.slice(1, done + 1).every((each) => holdSame(each, tries[0] as SeenCall));
      const overtaken = deliveriesOf(calls, 'after-failing').some(({ start }) => start < tries[done]!.start);
      const pauses = pausesBetween(tries.slice(0, done + 1))
        .map(secondsText)
        .join(', ');
      return {
        text: `${done + 1} attempts, ${same ? 'each with the same records' : 'not always with the same records'}, after ${pauses}; what came later ${overtaken ? 'overtook it' : 'waited'}`,
        holds: !overtaken,
      };
    },
  },
  {
    id: 'time-outs',
    text: 'After a time-out, does the process end, how soon is the delivery made again, and do both overlap?',
    async ask(probe) {
      await probe.feed([
        { partition: 4, value: { id: 'timing-out', order: { kind: 'time-out', times: 1 } } },
        { partition: 4, value: { id: 'with-timing-out' } },
      ]);
      const calls = await probe.until(came('timing-out'), SOON + 2 * probe.options.target.timeout);
      const [first, second] = deliveriesOf(calls, 'timing-out');
      if (first === undefined || second === undefined) return { text: 'it was not made again', holds: false };
      const zombie = outlived(first);
      const survived = calls.some(
        ({ instance, start }) => instance === first.instance && start > first.start + first.left,
      );
      return {
        text: `the call worked until ${secondsText(zombie)} behind its limit and its process ${survived ? 'was called again' : 'was not called again'}; the next attempt began ${secondsText(second.start - first.start - first.left)} behind the limit`,
        holds: zombie < 2_000,
      };
    },
  },
  {
    id: 'oversized-records',
    text: 'What becomes of a record that no event can hold?',
    async ask(probe) {
      await probe.feed([{ partition: 6, value: Buffer.alloc(5.5 * 2 ** 20, 'x') }]);
      await probe.feed([{ partition: 6, value: { id: 'behind-oversized' } }]);
      const calls = await probe.until(came('behind-oversized'), SOON);
      const [behind] = deliveriesOf(calls, 'behind-oversized');
      const large = deliveriesIn(calls).some(({ records = [] }) =>
        records.some(({ partition, value, id }) => partition === 6 && value === 'text' && id === undefined),
      );
      return {
        text: `it was ${large ? 'delivered' : 'not delivered'}; what stood behind it ${behind === undefined ? 'never came: the partition is stuck' : 'came'}`,
      };
    },
  },
  {
    id: 'gained-partitions',
    text: 'How soon are partitions polled that a topic gains?',
    async ask(probe) {
      const { topic } = probe.options.target;
      await probe.client.ensureTopic({ name: topic, partitions: PARTITIONS + 1, replicas: -1, settings: {} });
      const fed = Date.now();
      await probe.feed([{ partition: PARTITIONS, value: { id: 'gained' } }]);
      const calls = await probe.until(came('gained'), FIRST);
      const [first] = deliveriesOf(calls, 'gained');
      return { text: first === undefined ? `not within ${FIRST} s` : `after ${secondsText(first.start - fed)}` };
    },
  },
  {
    id: 'disabling',
    text: 'How long are deliveries made after a mapping is disabled, and how soon after it is enabled?',
    realOnly: true,
    async ask(probe) {
      const enable = (Enabled: boolean) =>
        probe.lambda.send(new UpdateEventSourceMappingCommand({ UUID: probe.stack.MappingId, Enabled }));
      const feeding = probe.trickle(7, 'disabling');
      await sleep(5_000);
      await enable(false);
      const disabled = Date.now();
      await sleep(150_000);
      const [last] = deliveriesIn(await probe.seen()).slice(-1);
      await enable(true);
      const enabled = Date.now();
      const calls = await probe.until((seen) => deliveriesIn(seen).some(({ start }) => start > enabled), FIRST);
      await feeding.stop();
      const next = deliveriesIn(calls).find(({ start }) => start > enabled);
      return {
        text: `the last one began ${secondsText((last?.start ?? disabled) - disabled)} after it, the next ${next === undefined ? 'did not come' : secondsText(next.start - enabled)} after it was enabled`,
      };
    },
  },
];
