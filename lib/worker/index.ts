/** A pipeline on long-running workers: Kafka between the stages, commits in DynamoDB, snapshots in S3. */
export type {
  WorkerEnd,
  WorkerStatus,
} from '../hosts/worker/index.ts';
export { type Control, type RunName, readControl, requestDrain } from '../runtime/index.ts';
export * from './open-worker.ts';
export * from './stores.ts';
