export * from './chunked-list.ts';
export * from './descriptor.ts';
export * from './handle.ts';
export * from './open-states.ts';
export * from './scope.ts';
export * from './timers.ts';
