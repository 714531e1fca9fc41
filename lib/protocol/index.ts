export * from './bytes.ts';
export * from './channel-minimum.ts';
export * from './channels.ts';
export * from './commit.ts';
export * from './data-json.ts';
export * from './message.ts';
export * from './steps.ts';
export { decodeValue, encodeValue, readValue, writeValue } from './value-codec.ts';
export { MAX_VALUE_DEPTH } from './value-refusal.ts';
