import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { type AwsConnection, awsError, awsErrorName, clientSettings, statusOf } from '../../aws/index.ts';
import { messageOf, minutes } from '../../model/index.ts';

/** What came of a call: the function's answer, or what it failed with. */
export type Called =
  | { readonly kind: 'answered'; readonly answer: string }
  /** The function threw, ran out of time, or its process died. */
  | { readonly kind: 'failed'; readonly message: string }
  /** Lambda did not start it: too many calls at once. */
  | { readonly kind: 'throttled'; readonly message: string };

/** Longer than any function runs. */
const PATIENCE = minutes(16);

/** Functions of AWS Lambda, called by name or ARN, with a version or alias behind a colon. Payloads are JSON texts. */
export class LambdaFunctions {
  readonly #client: LambdaClient;

  /** One attempt a call, unless the connection says otherwise: who calls decides when to call again. */
  constructor(connection: AwsConnection = {}) {
    this.#client = new LambdaClient(clientSettings({ attempts: 1, ...connection }, PATIENCE));
  }

  /** Calls and waits for what comes of it. Throws `unavailable` where Lambda cannot be reached, or does not know the function. */
  async call(name: string, payload: string): Promise<Called> {
    try {
      const { FunctionError, Payload } = await this.#client.send(
        new InvokeCommand({ FunctionName: name, Payload: Buffer.from(payload) }),
      );
      const answer = Payload === undefined ? '' : Payload.transformToString();
      return FunctionError === undefined ? { kind: 'answered', answer } : { kind: 'failed', message: reasonIn(answer) };
    } catch (thrown) {
      if (awsErrorName(thrown) === 'TooManyRequestsException' || statusOf(thrown) === 429) {
        return { kind: 'throttled', message: messageOf(thrown) };
      }
      throw awsError(thrown, `function ${name}`, 'lambda:InvokeFunction');
    }
  }

  /** Calls and does not wait: Lambda keeps the payload, and tries twice again where the function fails. Throws as `call`, and `unavailable` when throttled. */
  async send(name: string, payload: string): Promise<void> {
    try {
      await this.#client.send(
        new InvokeCommand({ FunctionName: name, InvocationType: 'Event', Payload: Buffer.from(payload) }),
      );
    } catch (thrown) {
      throw awsError(thrown, `function ${name}`, 'lambda:InvokeFunction');
    }
  }

  close(): void {
    this.#client.destroy();
  }
}

/** What a function failed with, from the object that Lambda makes of it. */
function reasonIn(answer: string): string {
  try {
    const { errorMessage } = JSON.parse(answer) as { readonly errorMessage?: unknown };
    return typeof errorMessage === 'string' ? errorMessage : answer;
  } catch {
    return answer;
  }
}
