import { dataFromJson, dataToJson, type Message } from '../../protocol/index.ts';

export const encodeMessage = (message: Message): Uint8Array => new TextEncoder().encode(dataToJson(message));
export const decodeMessage = (bytes: Uint8Array): Message => dataFromJson(new TextDecoder().decode(bytes)) as Message;
