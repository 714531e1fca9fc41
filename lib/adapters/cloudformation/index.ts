/** What is deployed, as CloudFormation tells it. */
export * from './deployed-stack.ts';
