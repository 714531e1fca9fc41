import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { committedOnly } from '../../../lib/adapters/kafka/index.ts';

interface Batch {
  readonly baseOffset: number;
  readonly lastOffset: number;
  readonly producerId: number;
  readonly transactional: boolean;
  readonly control: boolean;
}

interface Transaction {
  readonly producerId: number;
  readonly firstOffset: number;
  readonly marker: number;
  readonly aborted: boolean;
}

/** A log as a broker keeps it: batches of several producers, transactions closed by markers. */
function logOf(events: readonly { producer: number; size: number; act: 'send' | 'plain' | 'commit' | 'abort' }[]) {
  const batches: Batch[] = [];
  const transactions: Transaction[] = [];
  const visible = new Set<number>();
  const open = new Map<number, { first: number; bases: number[] }>();
  let offset = 0;
  const add = (producerId: number, size: number, transactional: boolean, control: boolean) => {
    batches.push({ baseOffset: offset, lastOffset: offset + size - 1, producerId, transactional, control });
    offset += size;
    return offset - size;
  };
  const close = (producerId: number, aborted: boolean) => {
    const transaction = open.get(producerId);
    if (transaction === undefined) return;
    open.delete(producerId);
    const marker = add(producerId, 1, true, true);
    transactions.push({ producerId, firstOffset: transaction.first, marker, aborted });
    if (!aborted) for (const base of transaction.bases) visible.add(base);
  };
  for (const { producer, size, act } of events) {
    if (act === 'plain') visible.add(add(100 + producer, size, false, false));
    else if (act === 'send') {
      const base = add(producer, size, true, false);
      const transaction = open.get(producer);
      if (transaction === undefined) open.set(producer, { first: base, bases: [base] });
      else transaction.bases.push(base);
    } else close(producer, act === 'abort');
  }
  for (const producer of [...open.keys()]) close(producer, producer % 2 === 0);
  return { batches, transactions, visible };
}

const anyLog = fc
  .array(
    fc.record({
      producer: fc.integer({ min: 0, max: 3 }),
      size: fc.integer({ min: 1, max: 5 }),
      act: fc.constantFrom('send', 'send', 'send', 'plain', 'commit', 'abort'),
    }),
    { maxLength: 40 },
  )
  .map(logOf);

describe('reading committed records only', () => {
  it('keeps what was committed or never in a transaction, wherever the read begins and ends', () => {
    fc.assert(
      fc.property(anyLog, fc.nat(40), fc.nat(40), ({ batches, transactions, visible }, begin, length) => {
        const read = batches.slice(begin, begin + length + 1);
        if (read.length === 0) return;
        const from = read[0]!.baseOffset;
        const to = read.at(-1)!.lastOffset;
        const aborted = transactions.filter((t) => t.aborted && t.marker >= from && t.firstOffset <= to);
        expect(committedOnly(read, aborted).map(({ baseOffset }) => baseOffset)).toEqual(
          read.filter(({ baseOffset }) => visible.has(baseOffset)).map(({ baseOffset }) => baseOffset),
        );
      }),
      { numRuns: 500 },
    );
  });

  it('does not mind in which order aborted transactions are listed', () => {
    const { batches, transactions } = logOf([
      { producer: 1, size: 2, act: 'send' },
      { producer: 2, size: 2, act: 'send' },
      { producer: 2, size: 1, act: 'abort' },
      { producer: 1, size: 1, act: 'abort' },
      { producer: 2, size: 3, act: 'send' },
      { producer: 2, size: 1, act: 'commit' },
    ]);
    const aborted = transactions.filter((each) => each.aborted);
    for (const list of [aborted, [...aborted].reverse()]) {
      expect(committedOnly(batches, list).map(({ baseOffset }) => baseOffset)).toEqual([6]);
    }
  });
});
