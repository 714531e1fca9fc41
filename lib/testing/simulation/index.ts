export { type FaultKind, type FaultRates, noFaults } from './dice.ts';
export { type ShrinkOptions, type Shrunk, shrink } from './shrink.ts';
export { type SimSinkKind, simSink } from './sim-sink.ts';
export { type SimRow, type SimSourceSpec, simSource } from './sim-source.ts';
export type { SimOutcome, SimSpec } from './sim-spec.ts';
export { type SimOptions, type SimReport, simulate } from './simulate.ts';
export type { SunkRecord } from './sunk-record.ts';
export { SIM_START, type SimSizes, type Violation, World } from './world.ts';
