/** Operating a deployed pipeline: what can be asked of its controller, and how it answers. */
export type * from './command.ts';
export * from './deployed-pipeline.ts';
