/** A pipeline on long-running workers: Kafka between the stages, commits in DynamoDB, snapshots in S3. */
export {
  type Control,
  type RunName,
  readControl,
  requestDrain,
  type WorkerEnd,
  type WorkerStatus,
} from '../hosts/worker/index.ts';
export * from './open-worker.ts';
export * from './stores.ts';
