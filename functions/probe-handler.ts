/** The probe's function: writes down how it is called, and obeys the orders that stand in records. */
import { type Duration, milliseconds } from '../lib/model/index.ts';
import type { Clock, CommitStore } from '../lib/ports/index.ts';
import { isKafkaEvent, type KafkaEvent, type KafkaEventRecord } from './kafka-event.ts';
import {
  type FieldForm,
  type ProbeBeat,
  type ProbeCall,
  type ProbeEnd,
  type ProbeEvent,
  type ProbeOrder,
  type ProbeStep,
  type ProbeValue,
  probeNames,
  type SeenRecord,
} from './probe-record.ts';

/** What Lambda tells of a call, as far as it is used. */
export interface ProbeContext {
  readonly awsRequestId: string;
  readonly functionName: string;
  readonly functionVersion: string;
  getRemainingTimeInMillis(): number;
}

export interface ProbePorts {
  readonly commits: Pick<CommitStore, 'createRecord'>;
  readonly clock: Clock;
  /** Under which everything is written down. */
  readonly run: string;
  readonly generation: string;
  /** Of this process; no other has it. */
  readonly instance: string;
  /** Milliseconds from the start of the process until its code was loaded. */
  readonly loaded: number;
  /** Reaches everything that a stage's function reaches. */
  connect(clockTopic: string): Promise<readonly ProbeStep[]>;
  /** Calls a function without waiting for it. */
  send(functionName: string, event: ProbeEvent): Promise<void>;
}

/** Milliseconds before its time limit from which on a call that runs into it gives signs of life, and between two of them. */
const LAST_BEATS = 1_500;
const BEAT = milliseconds(250);

export function probeHandler(ports: ProbePorts): (event: unknown, context: ProbeContext) => Promise<unknown> {
  const { commits, clock, run, generation, instance, loaded } = ports;
  let calls = 0;
  return async (event, context) => {
    const start = clock.now();
    const nth = calls++;
    const name = `${String(start).padStart(15, '0')}/${instance}/${nth}`;
    const call: ProbeCall = {
      ...{ generation, instance, nth, start, loaded },
      ...{ request: context.awsRequestId, version: context.functionVersion, left: context.getRemainingTimeInMillis() },
      ...(isKafkaEvent(event) ? seenIn(event) : seenOf(event as ProbeEvent)),
    };
    await commits.createRecord(run, probeNames.call + name, call);
    const end = (outcome: ProbeEnd['outcome']): Promise<unknown> =>
      commits.createRecord(run, probeNames.end + name, { at: clock.now(), outcome } satisfies ProbeEnd);
    try {
      const answer = isKafkaEvent(event)
        ? await obeyAll(event, ports, name, context)
        : await answerTo(event as ProbeEvent, ports, context);
      await end('done');
      return { ...call, ...answer };
    } catch (thrown) {
      await end('failed');
      throw thrown;
    }
  };
}

function seenIn({ records }: KafkaEvent): Pick<ProbeCall, 'cause' | 'records'> {
  return { cause: 'delivery', records: Object.values(records).flat().map(seen) };
}

function seenOf(event: ProbeEvent): Pick<ProbeCall, 'cause' | 'depth' | 'id'> {
  return {
    cause: event.probe,
    ...(event.probe === 'chain' ? { depth: event.depth } : {}),
    ...(event.probe === 'fail' ? { id: event.id } : {}),
  };
}

const LONGEST_HEADERS = 200;

function seen(record: KafkaEventRecord): SeenRecord {
  const { partition, offset, timestamp, headers } = record;
  const id = bodyOf(record)?.id;
  return {
    ...{ partition, offset, timestamp, key: formOf(record, 'key'), value: formOf(record, 'value') },
    headers: headers === undefined ? 'absent' : JSON.stringify(headers).slice(0, LONGEST_HEADERS),
    ...(id === undefined ? {} : { id }),
  };
}

function formOf(record: KafkaEventRecord, field: 'key' | 'value'): FieldForm {
  if (!(field in record)) return 'absent';
  const value = record[field];
  return value === null || value === undefined ? 'null' : value === '' ? 'empty' : 'text';
}

function bodyOf({ value }: KafkaEventRecord): ProbeValue | undefined {
  try {
    const parsed: unknown = JSON.parse(Buffer.from(value ?? '', 'base64').toString());
    return typeof parsed === 'object' && parsed !== null && 'id' in parsed ? (parsed as ProbeValue) : undefined;
  } catch {
    return undefined;
  }
}

async function obeyAll({ records }: KafkaEvent, ports: ProbePorts, call: string, context: ProbeContext) {
  for (const record of Object.values(records).flat()) {
    const { id, order } = bodyOf(record) ?? {};
    if (id !== undefined && order !== undefined) await obey(id, order, ports, call, context);
  }
}

async function obey(id: string, order: ProbeOrder, ports: ProbePorts, call: string, context: ProbeContext) {
  switch (order.kind) {
    case 'sleep':
      return ports.clock.sleep(milliseconds(order.ms));
    case 'fail':
      if ((await attemptAt(id, ports)) < order.times) throw new Error(`failed as ordered: ${id}`);
      return;
    case 'time-out':
      if ((await attemptAt(id, ports)) < order.times) await runOut(ports, call, context);
  }
}

/** How many attempts there were before this one. */
async function attemptAt(id: string, { commits, run }: ProbePorts): Promise<number> {
  let attempt = 0;
  while ((await commits.createRecord(run, `${probeNames.attempt}${id}/${attempt}`, {})) === 'exists') attempt++;
  return attempt;
}

/** Goes on until it is ended, and says so. */
async function runOut({ commits, clock, run }: ProbePorts, call: string, context: ProbeContext): Promise<never> {
  await clock.sleep(Math.max(0, context.getRemainingTimeInMillis() - LAST_BEATS) as Duration);
  for (let n = 0; ; n++) {
    const beat: ProbeBeat = { at: clock.now(), left: context.getRemainingTimeInMillis() };
    await commits.createRecord(run, `${probeNames.beat}${call}/${String(n).padStart(4, '0')}`, beat);
    await clock.sleep(BEAT);
  }
}

async function answerTo(event: ProbeEvent, ports: ProbePorts, context: ProbeContext): Promise<object> {
  switch (event.probe) {
    case 'connect':
      return { steps: await ports.connect(event.clockTopic) };
    case 'fail':
      throw new Error(`failed as ordered: ${event.id}`);
    case 'chain':
      if (event.depth < event.most) {
        const own = `${context.functionName}:${context.functionVersion}`;
        await ports.send(own, { ...event, depth: event.depth + 1 });
      }
      return {};
    default:
      return {};
  }
}
