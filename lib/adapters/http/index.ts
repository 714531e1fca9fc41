export * from './health-server.ts';
export * from './row-server.ts';
