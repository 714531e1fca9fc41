export * from './directory-blob-store.ts';
