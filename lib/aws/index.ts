/** What adapters of Amazon's services have in common: how a client is set up, and what its errors mean. */
export * from './aws-connection.ts';
export * from './aws-error.ts';
