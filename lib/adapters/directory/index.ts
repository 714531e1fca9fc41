export * from './directory-blob-store.ts';
export * from './stop-request.ts';
