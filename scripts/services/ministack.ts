// MiniStack, a local AWS from PyPI that speaks LocalStack's protocol on one port: DynamoDB, S3, Lambda and more, without Docker, loopback only.
//   node scripts/services/ministack.ts start [--port 4566] [--folder F]    installs it if need be, starts it, waits until it serves
//   node scripts/services/ministack.ts stop  [--port 4566] [--folder F]    stops it, and all it held is gone
// Needs Python 3.10 with venv. The `node` that runs this script also runs its functions. MILLRACE_CACHE: where it is installed
// (~/.cache/millrace).
import { createRequire } from 'node:module';
import { delimiter, dirname, join } from 'node:path';
import { answers, type HttpService, type HttpServiceOptions, obey, portIn } from './http-service.ts';
import { installOnce, programPath, runProgram, startProcess } from './service.ts';

const VERSION = '1.5.33';

/** Installs it in a virtual environment, unless it is there. The program's path. */
export async function installMinistack(): Promise<string> {
  programPath('python3');
  const folder = await installOnce('ministack', VERSION, (folder) => {
    runProgram('python3', ['-m', 'venv', folder]);
    runProgram(join(folder, 'bin', 'pip'), ['install', '-q', '--disable-pip-version-check', `ministack==${VERSION}`]);
  });
  return join(folder, 'bin', 'ministack');
}

/** Starts it, or finds the one that runs in the folder, and waits until it serves. Stop it with `stopProcess`. */
export async function startMinistack(options: HttpServiceOptions): Promise<HttpService> {
  const program = await installMinistack();
  const port = await portIn(options);
  const address = `http://127.0.0.1:${port}`;
  const pid = await startProcess({
    folder: options.folder,
    program,
    args: [],
    env: {
      AWS_ENDPOINT_URL: undefined,
      AWS_ENDPOINT_URL_S3: undefined,
      GATEWAY_PORT: String(port),
      MINISTACK_HOST: '127.0.0.1',
      BIND_HOST: '127.0.0.1',
      LAMBDA_EXECUTOR: 'local',
      LOG_LEVEL: 'WARNING',
      NODE_PATH: sdkFolder(),
      PATH: `${dirname(process.execPath)}${delimiter}${process.env['PATH']}`,
    },
    isReady: () => answers(`${address}/_localstack/health`),
  });
  return { address, pid };
}

/** The folder of packages that holds AWS's SDK: functions that do not bring it find it there, as they do on Lambda. */
function sdkFolder(): string | undefined {
  const path = createRequire(import.meta.url).resolve('@aws-sdk/client-s3');
  const end = path.lastIndexOf(join('node_modules', '@aws-sdk'));
  return end < 0 ? undefined : path.slice(0, end + 'node_modules'.length);
}

if (import.meta.main) await obey('ministack', 4566, startMinistack);
