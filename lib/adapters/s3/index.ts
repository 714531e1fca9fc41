export * from './s3-blob-store.ts';
export * from './s3-bucket.ts';
export * from './s3-client.ts';
