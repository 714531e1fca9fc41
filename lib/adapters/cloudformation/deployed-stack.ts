import {
  CloudFormationClient,
  DescribeStackResourcesCommand,
  DescribeStacksCommand,
  GetTemplateCommand,
} from '@aws-sdk/client-cloudformation';
import { type AwsConnection, awsError, clientSettings } from '../../aws/index.ts';
import { MillraceError, messageOf, seconds } from '../../model/index.ts';

/** A stack as it is deployed: what its template says, and what became of it. */
export interface DeployedStack {
  readonly name: string;
  readonly region: string;
  readonly account: string;
  /** The template's resources by logical id, their properties with intrinsic functions unresolved. */
  readonly resources: Readonly<Record<string, TemplateResource>>;
  /** Physical ids by logical id, of resources that exist. */
  readonly physicalIds: ReadonlyMap<string, string>;
}

export interface TemplateResource {
  readonly Type: string;
  readonly Properties?: Readonly<Record<string, unknown>>;
  readonly Metadata?: Readonly<Record<string, unknown>>;
}

/** Whether there is such a stack. */
export async function stackExists(connection: AwsConnection, name: string): Promise<boolean> {
  const client = new CloudFormationClient(clientSettings(connection, seconds(20)));
  try {
    const { StackResources = [] } = await client.send(new DescribeStackResourcesCommand({ StackName: name }));
    return StackResources.length > 0;
  } catch (thrown) {
    if (/does not exist/.test(messageOf(thrown))) return false;
    throw awsError(thrown, `stack ${name}`, 'cloudformation:DescribeStackResources');
  } finally {
    client.destroy();
  }
}

/** What a stack says of itself. */
export interface StackOutput {
  readonly key: string;
  readonly value: string;
  readonly description: string;
}

/** The outputs of a deployed stack; undefined where there is no such stack. Throws `unavailable`. */
export async function stackOutputs(
  connection: AwsConnection,
  name: string,
): Promise<readonly StackOutput[] | undefined> {
  const client = new CloudFormationClient(clientSettings(connection, seconds(20)));
  try {
    const { Stacks = [] } = await client.send(new DescribeStacksCommand({ StackName: name }));
    return Stacks.flatMap(({ Outputs = [] }) =>
      Outputs.map(({ OutputKey: key = '', OutputValue: value = '', Description: description = '' }) => ({
        ...{ key, value, description },
      })),
    );
  } catch (thrown) {
    if (/does not exist/.test(messageOf(thrown))) return undefined;
    throw awsError(thrown, `stack ${name}`, 'cloudformation:DescribeStacks');
  } finally {
    client.destroy();
  }
}

/** Reads a deployed stack. Throws `unavailable` where there is none, it cannot be read, or its template is not JSON. */
export async function readStack(connection: AwsConnection, name: string): Promise<DeployedStack> {
  const client = new CloudFormationClient(clientSettings(connection, seconds(20)));
  try {
    const [{ TemplateBody }, { StackResources = [] }] = await Promise.all([
      client.send(new GetTemplateCommand({ StackName: name })),
      client.send(new DescribeStackResourcesCommand({ StackName: name })),
    ]);
    // Every stack has some; of one that was deleted an emulator may still know the template.
    if (StackResources.length === 0) throw noStack(name);
    const { Resources } = templateOf(name, TemplateBody);
    const [, , , region = '', account = ''] = (StackResources[0]?.StackId ?? '').split(':');
    return {
      ...{ name, region, account },
      resources: Resources ?? {},
      physicalIds: new Map(
        StackResources.flatMap(({ LogicalResourceId, PhysicalResourceId }) =>
          LogicalResourceId === undefined || PhysicalResourceId === undefined
            ? []
            : [[LogicalResourceId, PhysicalResourceId]],
        ),
      ),
    };
  } catch (thrown) {
    if (/does not exist/.test(messageOf(thrown))) throw noStack(name, thrown);
    throw awsError(thrown, `stack ${name}`, 'cloudformation:GetTemplate and cloudformation:DescribeStackResources');
  } finally {
    client.destroy();
  }
}

function noStack(name: string, cause?: unknown): MillraceError {
  return new MillraceError('unavailable', `there is no stack ${name}`, {
    cause,
    hint: 'deploy it, or give the name that it was deployed under, its region and endpoint',
    retry: false,
  });
}

function templateOf(stack: string, body: string | undefined): { readonly Resources?: DeployedStack['resources'] } {
  try {
    return JSON.parse(body ?? '{}') as { readonly Resources?: DeployedStack['resources'] };
  } catch (cause) {
    throw new MillraceError('unavailable', `the template of stack ${stack} is not JSON`, {
      cause,
      hint: 'say what to read by options instead of the stack',
      retry: false,
    });
  }
}

/** Where intrinsic functions lead that name resources of the stack, or undefined: Ref, Fn::GetAtt of an ARN, Fn::Join, Fn::Sub, Fn::Select and Fn::Split. */
export function resolved(stack: DeployedStack, value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  if (typeof value === 'number') return String(value);
  if (typeof value !== 'object' || value === null) return undefined;
  const [[name, argument] = ['', undefined]] = Object.entries(value);
  switch (name) {
    case 'Ref':
      return referred(stack, argument);
    case 'Fn::GetAtt': {
      const [id, attribute] = typeof argument === 'string' ? argument.split('.') : (argument as readonly string[]);
      return attribute === 'Arn' ? arnOf(stack, id ?? '') : undefined;
    }
    case 'Fn::Join': {
      const [separator, parts] = argument as readonly [string, readonly unknown[]];
      const texts = parts.map((part) => resolved(stack, part));
      return texts.includes(undefined) ? undefined : texts.join(separator);
    }
    case 'Fn::Sub':
      return typeof argument === 'string' ? substituted(stack, argument) : undefined;
    case 'Fn::Select': {
      const [index, list] = argument as readonly [number | string, unknown];
      const parts = Array.isArray(list) ? list.map((part) => resolved(stack, part)) : split(stack, list);
      return parts?.[Number(index)];
    }
    default:
      return undefined;
  }
}

function split(stack: DeployedStack, value: unknown): readonly string[] | undefined {
  const [separator, text] = ((value as Readonly<Record<string, unknown>>)?.['Fn::Split'] ?? []) as readonly unknown[];
  return typeof separator === 'string' ? resolved(stack, text)?.split(separator) : undefined;
}

function referred({ region, account, name, physicalIds }: DeployedStack, id: unknown): string | undefined {
  switch (id) {
    case 'AWS::Region':
      return region;
    case 'AWS::AccountId':
      return account;
    case 'AWS::Partition':
      return 'aws';
    case 'AWS::StackName':
      return name;
    default:
      return typeof id === 'string' ? physicalIds.get(id) : undefined;
  }
}

function substituted(stack: DeployedStack, text: string): string | undefined {
  let whole = true;
  const result = text.replace(/\$\{([^}!]+)\}/g, (_, name: string) => {
    const [id, attribute] = name.split('.');
    const value = attribute === undefined ? referred(stack, id) : attribute === 'Arn' ? arnOf(stack, id!) : undefined;
    whole &&= value !== undefined;
    return value ?? '';
  });
  return whole ? result : undefined;
}

/** ARNs of functions only; the id of other resources may be one. */
function arnOf({ region, account, resources, physicalIds }: DeployedStack, id: string): string | undefined {
  const physical = physicalIds.get(id);
  if (physical === undefined || physical.startsWith('arn:')) return physical;
  if (resources[id]?.Type !== 'AWS::Lambda::Function') return undefined;
  return `arn:aws:lambda:${region}:${account}:function:${physical}`;
}
