/** The CDK's command line, the user's own, run against a local cloud. */
import { spawn } from 'node:child_process';
import { createWriteStream, readFileSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { delimiter, dirname, join, resolve } from 'node:path';
import { finished } from 'node:stream/promises';
import { readStack, stackExists } from '../lib/adapters/cloudformation/index.ts';
import { MillraceError } from '../lib/model/index.ts';
import { UsageError } from './exit-codes.ts';
import { account, awsAt, type LocalCloud, region, variablesFor } from './local-cloud.ts';
import { isClone, packageRoot } from './package-root.ts';

export interface CdkApp {
  /** Keeps what the toolkit remembers, the synthesised app, and a log. */
  readonly folder: string;
  readonly cloud: LocalCloud;
  /** Another address of S3, where buckets have host names: LocalStack's. Default: the cloud's. */
  readonly s3Endpoint?: string;
  /** The command that synthesises the app. Default: millrace's own app, which deploys one pipeline. */
  readonly app?: string;
  readonly context: Readonly<Record<string, string>>;
}

/** Deploys all stacks of an app, bootstrapping the cloud first if need be. The stacks' names. Throws `unavailable` with what the toolkit said. */
export async function deployApp(app: CdkApp): Promise<readonly string[]> {
  if (!(await stackExists(awsAt(app.cloud.endpoint), 'CDKToolkit')))
    await toolkit(app, ['bootstrap', `aws://${account}/${region}`], '');
  await toolkit(
    app,
    ['deploy', '--all', '--require-approval', 'never', '--output', outputOf(app), ...contextOf(app)],
    app.app ?? ownApp(),
  );
  const stacks = await stacksOf(app);
  for (const stack of stacks) await tagBuckets(stack, app.cloud.endpoint);
  return stacks;
}

async function stacksOf(app: CdkApp): Promise<readonly string[]> {
  const { artifacts } = JSON.parse(await readFile(join(outputOf(app), 'manifest.json'), 'utf8')) as Manifest;
  return Object.entries(artifacts).flatMap(([id, { type, properties }]) =>
    type === 'aws:cloudformation:stack' ? [properties?.stackName ?? id] : [],
  );
}

/** MiniStack forgets the tags that a template gives to a bucket, and without its tag the CDK deletes no bucket that is to go with its stack. */
async function tagBuckets(stack: string, endpoint: string): Promise<void> {
  const { resources, physicalIds } = await readStack(awsAt(endpoint), stack);
  for (const [id, { Type, Properties }] of Object.entries(resources)) {
    const tags = Properties?.['Tags'] as readonly { readonly Key: string; readonly Value: string }[] | undefined;
    const bucket = physicalIds.get(id);
    if (Type !== 'AWS::S3::Bucket' || tags === undefined || bucket === undefined) continue;
    const list = tags.map(({ Key, Value }) => `<Tag><Key>${Key}</Key><Value>${Value}</Value></Tag>`).join('');
    const body = `<Tagging><TagSet>${list}</TagSet></Tagging>`;
    await fetch(`${endpoint}/${bucket}?tagging`, { method: 'PUT', body });
  }
}

/** Deletes all stacks that were deployed last. What is to be retained stays. */
export async function destroyApp(app: CdkApp): Promise<void> {
  await toolkit(app, ['destroy', '--all', '--force'], outputOf(app));
}

interface Manifest {
  readonly artifacts: Readonly<
    Record<string, { readonly type: string; readonly properties?: { readonly stackName?: string } }>
  >;
}

const outputOf = ({ folder }: CdkApp): string => join(folder, 'cdk.out');

const contextOf = ({ context }: CdkApp): string[] =>
  Object.entries(context).flatMap(([name, value]) => ['--context', `${name}=${value}`]);

const ownApp = (): string => `node "${join(packageRoot, isClone ? 'cdk/app.ts' : 'dist/cdk/app.js')}"`;

async function toolkit(app: CdkApp, args: readonly string[], of: string): Promise<void> {
  const { folder, cloud, s3Endpoint } = app;
  const program = toolkitProgram();
  await mkdir(folder, { recursive: true });
  const { AWS_PROFILE: _, AWS_SESSION_TOKEN: __, ...own } = process.env;
  const child = spawn(process.execPath, [program, ...args, '--app', of, '--no-color', '--progress', 'events'], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...own,
      ...variablesFor(cloud),
      ...(s3Endpoint === undefined ? {} : { AWS_ENDPOINT_URL_S3: s3Endpoint }),
      // It remembers accounts by credentials, and these are everybody's.
      CDK_HOME: join(resolve(folder), 'cdk-home'),
      CDK_DISABLE_VERSION_CHECK: '1',
      PATH: `${dirname(process.execPath)}${delimiter}${own['PATH'] ?? ''}`,
    },
  });
  const log = createWriteStream(join(folder, 'cdk.log'));
  const said: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8');
    stream.on('data', (text: string) => {
      said.push(text);
      log.write(text);
    });
  }
  const code = await new Promise<number | null>((done, failed) => child.once('error', failed).once('close', done));
  await finished(log.end());
  if (code === 0) return;
  const lines = said.join('').trim().split('\n');
  throw new MillraceError('unavailable', `cdk ${args[0]} failed:\n${lines.slice(-20).join('\n')}`, {
    hint: `all that it said is in ${join(folder, 'cdk.log')}`,
    retry: false,
  });
}

/** The toolkit of the project that the command is called in, or the one beside millrace. */
function toolkitProgram(): string {
  for (const base of [join(process.cwd(), 'package.json'), join(packageRoot, 'package.json')]) {
    try {
      const file = createRequire(base).resolve('aws-cdk/package.json');
      const { bin } = JSON.parse(readFileSync(file, 'utf8')) as { readonly bin: { readonly cdk: string } };
      return join(dirname(file), bin.cdk);
    } catch {}
  }
  throw new UsageError(
    'the CDK is not installed in this project',
    'npm install --save-dev aws-cdk@2 aws-cdk-lib constructs esbuild',
  );
}
