import type { Exchange, OpenConnection } from '../../../lib/adapters/kafka/index.ts';
import { batchHeads } from '../../../lib/adapters/kafka/record-batch.ts';
import { WireReader, WireWriter } from '../../../lib/adapters/kafka/wire.ts';
import { MillraceError } from '../../../lib/model/index.ts';

/** A batch that a fake broker was sent. */
export interface SentBatch {
  readonly topic: string;
  readonly partition: number;
  readonly producer: number;
  readonly sequence: number;
  readonly count: number;
}

/** What a fake broker does with a request to append: an error code for each batch, or how the connection fails. */
export type Reaction = (
  batches: readonly SentBatch[],
) => readonly number[] | 'lost' | Promise<readonly number[] | 'lost'>;

/** A cluster of two brokers that lead the even and the odd partitions of one topic; appends are answered as the test says. */
export class FakeCluster {
  readonly topic = 't';
  readonly requests: (readonly SentBatch[])[] = [];
  reaction: Reaction = (batches) => batches.map(() => 0);
  /** By partition. */
  leaders: readonly number[] = [0, 1, 0, 1];
  /** How many producer ids were given. */
  producers = 0;

  readonly open: OpenConnection = async () => ({
    open: true,
    close: () => {},
    send: async <T>(exchange: Exchange<T>): Promise<T> => (await this.#answer(exchange)) as T,
  });

  async #answer(exchange: Exchange<unknown>): Promise<unknown> {
    switch (exchange.name) {
      case 'Metadata': {
        const brokers = [0, 1].map((id) => ({ id, address: `broker-${id}:1` }));
        return { brokers, controller: 0, topics: [{ error: 0, name: this.topic, id: 'id', leaders: this.leaders }] };
      }
      case 'InitProducerId':
        return { error: 0, id: 1_000 + this.producers++, epoch: 0 };
      case 'Produce': {
        const batches = sentBatches(exchange);
        this.requests.push(batches);
        const reaction = await this.reaction(batches);
        if (reaction === 'lost') throw new MillraceError('unavailable', 'the connection was lost');
        return batches.map(({ topic, partition }, i) => ({ topic, partition, error: reaction[i], offset: 0 }));
      }
      default:
        throw new Error(`the fake cluster does not know ${exchange.name}`);
    }
  }
}

function sentBatches(exchange: Exchange<unknown>): SentBatch[] {
  const writer = new WireWriter();
  exchange.encode(writer);
  const reader = new WireReader(writer.bytes);
  reader.nullableString();
  reader.int16();
  reader.int32();
  return reader
    .array(() => {
      const topic = reader.string();
      return reader.array(() => {
        const partition = reader.int32();
        const bytes = Buffer.from(reader.raw(reader.int32()));
        const [head] = batchHeads(bytes);
        return { topic, partition, producer: head!.producerId, sequence: bytes.readInt32BE(53), count: head!.count };
      });
    })
    .flat();
}
