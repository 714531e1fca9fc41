export * from './commit.ts';
export * from './data-json.ts';
export * from './message.ts';
