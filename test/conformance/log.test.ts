import { describe } from 'vitest';
import { MemoryLog, type MemoryLogOptions } from '../../lib/adapters/memory/index.ts';
import { ManualClock } from '../../lib/adapters/simulated/index.ts';
import { milliseconds, type WallTime } from '../../lib/model/index.ts';
import { openedKafkaLog } from '../adapters/kafka/opened-kafka.ts';
import { useKafka } from '../services/kafka.ts';
import { openedSqlite } from './adapters.ts';
import { logConformance } from './log.ts';
import { skipNote } from './opened.ts';

const memory = (options?: MemoryLogOptions) => async () => {
  const clock = new ManualClock();
  const port = new MemoryLog(clock, options);
  return {
    port,
    deleteTopic: async (name: string) => port.deleteTopic(name),
    setTime: (time: number) => clock.set(time as WallTime),
    close: async () => undefined,
  };
};

logConformance({
  name: 'memory',
  open: memory(),
  without: { reopen: 'gone with its process', 'size-limit': 'messages are not encoded' },
});
logConformance({
  name: 'memory, encoding',
  open: memory({ encode: true, maxMessageBytes: 50_000 }),
  without: { reopen: 'gone with its process' },
});
logConformance({ name: 'SQLite', open: () => openedSqlite((store) => store.log, { maxMessageBytes: 50_000 }) });
logConformance({
  name: 'SQLite, no cache',
  open: () => openedSqlite((store) => store.log, { maxMessageBytes: 50_000, cache: { messages: 0, bytes: 0 } }),
});
logConformance({
  name: 'SQLite, cache of three',
  open: () => openedSqlite((store) => store.log, { maxMessageBytes: 50_000, cache: { messages: 3, bytes: 1_000_000 } }),
});

const kafka = await useKafka();
describe.skipIf(kafka.missing)(`a real broker${skipNote(kafka.missing)}`, () => {
  logConformance({
    name: 'Kafka',
    open: async () => openedKafkaLog(kafka.running!.address),
    without: { trim: "retention is the topic's own" },
  });
});
logConformance({
  name: 'SQLite, in groups',
  open: () => openedSqlite((store) => store.log, { maxMessageBytes: 50_000, flushEvery: milliseconds(100) }),
});
