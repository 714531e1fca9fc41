export * from './combine-telemetry.ts';
export * from './open-telemetry.ts';
export * from './pino-telemetry.ts';
export * from './prometheus.ts';
export * from './recording-telemetry.ts';
