import { stackOutputs } from '../adapters/cloudformation/index.ts';
import { LambdaFunctions } from '../adapters/lambda/index.ts';
import type { AwsConnection } from '../aws/index.ts';
import { type ErrorKind, MillraceError } from '../model/index.ts';
import { dataFromJson } from '../protocol/index.ts';
import type { Answers, Command, CommandAnswer, CommandEvent, ErrorData } from './command.ts';

/** How the constructs call the output that names the controller; logical ids of what it stands in come before it, and a hash may follow. */
const OUTPUT = /ControllerFunction[0-9A-F]{0,8}$/;
/** A name is this long at most; an ARN is longer, and has colons. */
const FUNCTION_ARN = /^arn:[^:]+:lambda:/;

/** A pipeline as it is deployed, asked through its controller. */
export class DeployedPipeline {
  readonly #functions: LambdaFunctions;
  /** Name or ARN of the controller's function, with an alias or version perhaps. */
  readonly controller: string;

  private constructor(controller: string, connection: AwsConnection) {
    this.controller = controller;
    this.#functions = new LambdaFunctions(connection);
  }

  /**
   * Finds it by the name of its stack, or by name or ARN of its controller's function. `pipeline` chooses where a stack has several. Throws `unavailable` where the
   * stack has none.
   */
  static async find(name: string, connection: AwsConnection, pipeline?: string): Promise<DeployedPipeline> {
    if (FUNCTION_ARN.test(name)) return new DeployedPipeline(name, connection);
    const outputs = await stackOutputs(connection, name.split(':')[0]!);
    if (outputs === undefined) return new DeployedPipeline(name, connection);
    const controllers = outputs.filter(({ key }) => OUTPUT.test(key));
    const chosen = controllers.filter(
      ({ description }) => pipeline === undefined || description.startsWith(`${pipeline}:`),
    );
    if (chosen.length === 1) return new DeployedPipeline(chosen[0]!.value, connection);
    const pipelines = controllers.map(({ description }) => description.split(':')[0]).join(', ');
    throw new MillraceError(
      chosen.length === 0 ? 'unavailable' : 'invalid-pipeline',
      chosen.length === 0
        ? `stack ${name} has no controller of a pipeline${pipeline === undefined ? '' : ` ${pipeline}`}`
        : `stack ${name} has several pipelines: ${pipelines}`,
      {
        retry: false,
        hint: controllers.length === 0 ? 'deploy it with the construct MillracePipeline' : `it has ${pipelines}`,
      },
    );
  }

  /** Throws `unavailable` where the controller cannot be called or does not answer, and what it answers with an error. */
  async ask<N extends Command['name']>(command: Extract<Command, { readonly name: N }>): Promise<Answers[N]> {
    const event: CommandEvent = { command };
    const called = await this.#functions.call(this.controller, JSON.stringify(event));
    if (called.kind !== 'answered') {
      throw new MillraceError('unavailable', `the controller ${this.controller} did not answer: ${called.message}`, {
        retry: false,
        hint: called.kind === 'throttled' ? 'try again' : 'its log says more',
      });
    }
    const answer = JSON.parse(called.answer) as CommandAnswer | null;
    if (answer?.kind === 'answer') return dataFromJson(answer.answer) as Answers[N];
    if (answer?.kind === 'error') throw errorOf(answer.error);
    throw new MillraceError('incompatible', `the function ${this.controller} is no controller of a pipeline`, {
      hint: 'give the name of the stack, or of its controller',
    });
  }

  close(): void {
    this.#functions.close();
  }
}

function errorOf({ kind, message, hint, where }: ErrorData): MillraceError {
  return new MillraceError(kind as ErrorKind, message, {
    retry: false,
    ...(where === undefined ? {} : { where }),
    ...(hint === undefined ? {} : { hint }),
  });
}
