import { Stack, Validations } from 'aws-cdk-lib';
import type { IGrantable } from 'aws-cdk-lib/aws-iam';
import { Construct, type IConstruct } from 'constructs';

/** Findings of cdk-nag that are meant to be so, each with the reason, where they are made: whoever checks a deployment need not judge them again. */
const reasons = {
  'AwsSolutions-S1':
    'only the functions of the pipeline use the bucket, by names that they alone know; an access log would hold nothing that their commits do not',
  'AwsSolutions-ECS2': 'the environment holds names and addresses; what is secret is read from Secrets Manager',
} as const;

const WILDCARDS =
  'blobs, transactions and function versions have names that begin alike and are made while the pipeline runs; what Lambda, its event sources and X-Ray ask for knows no single resources';

/** Notes that a rule is broken on purpose by a construct or what is in it. */
export const acknowledge = (construct: IConstruct, rule: keyof typeof reasons): void =>
  void Validations.of(construct).acknowledge({ id: rule, reason: reasons[rule] });

/** Notes that somebody may use, on purpose, all resources whose names begin like these; those without an asterisk need no note. */
export function acknowledgeWildcards(by: IConstruct | IGrantable, resources: readonly string[]): void {
  const construct = Construct.isConstruct(by) ? by : (by as IGrantable).grantPrincipal;
  if (!Construct.isConstruct(construct)) return;
  for (const resource of resources) {
    const name = textOf(Stack.of(construct).resolve(resource));
    if (!name.includes('*')) continue;
    Validations.of(construct).acknowledge({ id: `AwsSolutions-IAM5[Resource::${name}]`, reason: WILDCARDS });
  }
}

/** A reference in a template, as cdk-nag writes it. */
function textOf(resolved: unknown): string {
  if (typeof resolved !== 'object' || resolved === null) return String(resolved);
  if ('Ref' in resolved) return `<${String(resolved.Ref)}>`;
  if ('Fn::GetAtt' in resolved) return `<${(resolved['Fn::GetAtt'] as readonly string[]).join('.')}>`;
  if ('Fn::Join' in resolved) {
    const [separator, parts] = resolved['Fn::Join'] as readonly [string, readonly unknown[]];
    return parts.map(textOf).join(separator);
  }
  return JSON.stringify(resolved);
}
