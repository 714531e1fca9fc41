export * from './make-folders.ts';
