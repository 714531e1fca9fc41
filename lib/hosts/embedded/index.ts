export * from './embedded-run.ts';
