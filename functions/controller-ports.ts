import { DynamoLease, type DynamoLeaseOptions } from '../lib/adapters/dynamodb/index.ts';
import { MillraceError, seconds } from '../lib/model/index.ts';
import type { Lease, Telemetry } from '../lib/ports/index.ts';
import type { FunctionVersion } from './function-versions.ts';
import { type Connections, connect } from './ports.ts';
import type { Settings } from './settings.ts';

/** What the controller works through, beside what every function does. */
export interface ControllerConnections extends Connections {
  /** Whose rounds count: schedules overlap, and fire twice. */
  readonly lease: Lease;
  /** Calls another version of the controller; with `wait` until it has answered, and returns its answer. Throws `unavailable`. */
  call(target: FunctionVersion, event: unknown, wait: boolean): Promise<unknown>;
}

export type ConnectController = (settings: Settings) => Promise<ControllerConnections>;

/** Connects the controller's function. Throws as `connect` does. */
export async function connectController(settings: Settings, telemetry?: Telemetry): Promise<ControllerConnections> {
  const connections = await connect(settings, telemetry);
  const { table, pipeline } = settings;
  const client = connections.lent?.get('dynamodb') as DynamoLeaseOptions['client'];
  return {
    ...connections,
    lease: new DynamoLease({ client, table, pipeline, name: 'controller' }),
    call: async (target, event, wait) => {
      const { LambdaFunctions } = await import('../lib/adapters/lambda/index.ts');
      const name = `${target.function}:${target.version}`;
      const functions = new LambdaFunctions(wait ? {} : { attempts: 4, requestTimeout: seconds(5) });
      try {
        if (!wait) return await functions.send(name, JSON.stringify(event));
        const called = await functions.call(name, JSON.stringify(event));
        if (called.kind === 'answered') return JSON.parse(called.answer) as unknown;
        throw new MillraceError('unavailable', `the function ${name} did not answer: ${called.message}`);
      } finally {
        functions.close();
      }
    },
  };
}
