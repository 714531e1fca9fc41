/** The test kit: a driver for whole pipelines, a verifier for operators, a simulator of crashes and faults. */
export { ManualClock, SeededRandom } from '../adapters/simulated/index.ts';
export * from './feed.ts';
export * from './simulation/index.ts';
export * from './test-driver.ts';
export * from './verify-operator.ts';
export * from './verify-pipeline.ts';
