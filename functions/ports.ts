import { MillraceError } from '../lib/model/index.ts';
import type { TaskPorts } from '../lib/runtime/index.ts';
import type { RingEvent } from './ring-event.ts';
import type { Settings } from './settings.ts';

/** What a deployed function works through. */
export interface Connections {
  readonly ports: TaskPorts;
  /** Wakes tasks of a stage, and does not wait for what they do. */
  ring(stage: string, event: RingEvent): Promise<void>;
}

/**
 * Connects a function to Kafka, DynamoDB, S3 and Lambda. Not yet: throws `unavailable`. The pipeline can be deployed, its functions say so when
 * they are called.
 */
export async function connect({ pipeline, stage }: Settings): Promise<Connections> {
  throw new MillraceError('unavailable', 'a deployed function cannot reach Kafka, DynamoDB and S3 yet', {
    where: { pipeline, ...(stage === undefined ? {} : { stage }) },
    hint: 'this comes with the Kafka adapter; until then run the pipeline in one process: millrace run',
    retry: false,
  });
}
