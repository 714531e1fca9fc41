/** Commands that can be given to a deployed pipeline: `--deployment`, and what its controller answers. */
import type { Command } from 'commander';
import type { DeployedPipeline } from '../lib/operations/index.ts';
import { UsageError } from './exit-codes.ts';
import { hasStores } from './stores-options.ts';
import type { WhereFlags } from './where.ts';

/** Options of a command that can be given to a deployment. */
export interface DeploymentFlags extends WhereFlags {
  readonly deployment?: string;
}

/** Adds the option. */
export function addDeployment(command: Command): Command {
  return command.option('--deployment <name>', 'of a deployed pipeline: name of its stack, or of its controller');
}

/** What the help says of it. */
export const deploymentHelp = `
With --deployment the pipeline's controller is asked, through AWS Lambda: nothing else need be reachable from here. Region,
credentials and endpoint are those of every AWS client (AWS_REGION, AWS_PROFILE, AWS_ENDPOINT_URL ...), or --region and
--endpoint. It needs lambda:InvokeFunction for the controller, and cloudformation:DescribeStacks where a stack is named.`;

/** Asks the deployment that was named. Throws `UsageError` where another place was given too. */
export async function withDeployment<T>(
  flags: DeploymentFlags & { readonly deployment: string },
  dataDir: string | undefined,
  ask: (deployed: DeployedPipeline) => Promise<T>,
): Promise<T> {
  const { deployment, region, endpoint, pipeline } = flags;
  if (dataDir !== undefined || hasStores(flags)) {
    throw new UsageError(`--deployment ${deployment} was given, and another place too`, 'give one of the two');
  }
  const { DeployedPipeline } = await import('../lib/operations/index.ts');
  const connection = {
    ...(region === undefined ? {} : { region }),
    ...(endpoint === undefined ? {} : { endpoint }),
  };
  const deployed = await DeployedPipeline.find(deployment, connection, pipeline);
  try {
    return await ask(deployed);
  } finally {
    deployed.close();
  }
}

/** Whether a deployment was named. */
export const isDeployed = <F extends DeploymentFlags>(flags: F): flags is F & { readonly deployment: string } =>
  flags.deployment !== undefined;
