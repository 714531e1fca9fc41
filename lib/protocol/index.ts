export * from './bytes.ts';
export * from './commit.ts';
export * from './data-json.ts';
export * from './message.ts';
export { decodeValue, encodeValue, readValue, writeValue } from './value-codec.ts';
export { MAX_VALUE_DEPTH } from './value-refusal.ts';
