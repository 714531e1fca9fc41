/** What stands around a function's own work: Powertools, and the author's middleware, once per invocation. */
import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import middy, { type MiddlewareObj } from '@middy/core';
import { messageOf } from '../lib/model/index.ts';
import type { Invocation } from './deadline.ts';
import { lazily } from './lazily.ts';
import { stageMetrics } from './stage-metrics.ts';
import type { FunctionTelemetry } from './telemetry.ts';

/**
 * What a pipeline's module may export as `middleware`, beside the pipeline: middleware of middy, for all its stages or by stage. Its hooks are called once for
 * each invocation of a stage's function, a delivery or a ring, never for a record. They see what middy shows them and change nothing of it: what they return or
 * put into event and response is not used, what they throw is logged and counted, and who takes longer than 5 seconds is not waited for.
 *
 * ```ts
 * export const middleware = [{ before: (request) => console.log(request.context.awsRequestId) }];
 * export const middleware = (stage: string) => (stage === 'enrich' ? [secrets()] : []);
 * ```
 */
export type AuthorMiddleware = readonly MiddlewareObj[] | ((stage: string) => readonly MiddlewareObj[]);

export interface AroundOptions {
  readonly telemetry: FunctionTelemetry;
  readonly pipeline: string;
  readonly stage?: string;
  readonly middleware?: AuthorMiddleware | undefined;
}

type Handler<Result> = (event: unknown, context: Invocation) => Promise<Result>;

/** How long a hook of the author's is waited for, in milliseconds. */
const PATIENCE = 5_000;
const TRACING = 'POWERTOOLS_TRACE_ENABLED';

/** The handler with all that stands around it. What it answers or throws is what comes out, whatever else is thrown. */
export function around<Result>(handler: Handler<Result>, options: AroundOptions): Handler<Result> {
  const { telemetry } = options;
  const author = authorHooks(options);
  const tracer = lazily(() => tracing(options.pipeline));
  return async (event, context) => {
    let outcome: { readonly result: Result } | { readonly error: unknown } | undefined;
    const work = async (): Promise<void> => {
      try {
        outcome = { result: await handler(event, context) };
      } catch (error) {
        outcome = { error };
        throw error;
      }
    };
    try {
      // Made anew for each invocation, so that several at once do not meet.
      await middy(work, { timeoutEarlyInMillis: 0 }).use([
        injectLambdaContext(telemetry.logger),
        ...(await tracer()),
        ...author,
      ])(event as never, context as never);
    } catch (error) {
      if (outcome === undefined) telemetry.log('error', `nothing was begun: ${messageOf(error)}`);
    }
    telemetry.flush();
    if (outcome === undefined) return handler(event, context);
    if ('error' in outcome) throw outcome.error;
    return outcome.result;
  };
}

/** The tracer brings the X-Ray SDK with it: it is loaded only where tracing is on. */
async function tracing(serviceName: string): Promise<readonly MiddlewareObj[]> {
  if (process.env[TRACING] !== 'true') return [];
  const [{ Tracer }, { captureLambdaHandler }] = await Promise.all([
    import('@aws-lambda-powertools/tracer'),
    import('@aws-lambda-powertools/tracer/middleware'),
  ]);
  return [captureLambdaHandler(new Tracer({ serviceName }), { captureResponse: false }) as MiddlewareObj];
}

function authorHooks(options: AroundOptions): readonly MiddlewareObj[] {
  const { middleware = [], stage, telemetry } = options;
  if (stage === undefined) return [];
  try {
    const given = typeof middleware === 'function' ? middleware(stage) : middleware;
    return given.map(({ before, after, onError }) => ({
      ...(before === undefined ? {} : { before: harmless(before, 'before', options) }),
      ...(after === undefined ? {} : { after: harmless(after, 'after', options) }),
      ...(onError === undefined ? {} : { onError: harmless(onError, 'onError', options) }),
    }));
  } catch (error) {
    telemetry.count(stageMetrics.middleware, 1, { pipeline: options.pipeline, stage });
    telemetry.log('error', `the middleware cannot be used: ${messageOf(error)}`, { error });
    return [];
  }
}

type Hook = NonNullable<MiddlewareObj['before']>;

/** The hook, waited for, but with no effect on what comes of the invocation. */
function harmless(hook: Hook, name: string, { telemetry, pipeline, stage = '' }: AroundOptions): Hook {
  return async (request) => {
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(() => late.reject(new Error(`it took longer than ${PATIENCE} ms`)), PATIENCE);
    try {
      await Promise.race([hook(request), late.promise]);
    } catch (error) {
      telemetry.count(stageMetrics.middleware, 1, { pipeline, stage });
      telemetry.log('error', `middleware failed in ${name}: ${messageOf(error)}`, { error });
    } finally {
      clearTimeout(timer);
      // A response would end the invocation before its work, or hide that it failed.
      request.response = undefined;
      delete request.earlyResponse;
    }
  };
}
