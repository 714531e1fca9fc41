import { expect, it } from 'vitest';
import { type Exchange, KafkaClient, type OpenConnection } from '../../../lib/adapters/kafka/index.ts';
import { WireReader, WireWriter } from '../../../lib/adapters/kafka/wire.ts';

const CONCURRENT_TRANSACTIONS = 51;

it('transactional ids are taken over one after the other, so that of two who do so at once only one can write', async () => {
  const taken: string[] = [];
  let ending = 2;
  const answer = (exchange: Exchange<unknown>): unknown => {
    switch (exchange.name) {
      case 'Metadata':
        return { brokers: [{ id: 0, address: 'broker:1' }], controller: 0, topics: [] };
      case 'FindCoordinator':
        return { error: 0, message: undefined, node: 0, address: 'broker:1' };
      case 'InitProducerId': {
        const id = firstText(exchange);
        taken.push(id);
        return { error: id === 'first' && ending-- > 0 ? CONCURRENT_TRANSACTIONS : 0, id: 1, epoch: 0 };
      }
      default:
        throw new Error(`not expected: ${exchange.name}`);
    }
  };
  const open: OpenConnection = async () => ({
    open: true,
    close: () => {},
    send: async <T>(exchange: Exchange<T>) => answer(exchange) as T,
  });
  const client = new KafkaClient({ brokers: ['broker:1'] }, {}, open);
  await client.transactional('t', ['first', 'second'], 1_000);
  expect(taken).toEqual(['first', 'first', 'first', 'second']);
});

it('a transaction timeout that brokers do not allow is named, with what can be done', async () => {
  const open: OpenConnection = async () => ({
    open: true,
    close: () => {},
    send: async <T>({ name }: Exchange<T>) => {
      if (name === 'InitProducerId') return { error: 50, id: -1, epoch: -1 } as T;
      if (name === 'FindCoordinator') return { error: 0, message: undefined, node: 0, address: 'broker:1' } as T;
      return { brokers: [{ id: 0, address: 'broker:1' }], controller: 0, topics: [] } as T;
    },
  });
  const client = new KafkaClient({ brokers: ['broker:1'] }, {}, open);
  await expect(client.transactional('t', ['only'], 7_200_000)).rejects.toMatchObject({
    message: expect.stringContaining('a transaction timeout of 7200000 ms'),
    hint: expect.stringContaining('transaction.max.timeout.ms'),
    retry: false,
  });
});

function firstText(exchange: Exchange<unknown>): string {
  const writer = new WireWriter();
  exchange.encode(writer);
  return new WireReader(writer.bytes).nullableString() ?? '';
}
