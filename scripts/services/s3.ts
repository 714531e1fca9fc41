// Versity S3 Gateway over a folder, built from source by Go: an S3 with conditional writes and checksums, loopback only.
//   node scripts/services/s3.ts start [--port 9000] [--folder F]    installs it if need be, starts it, waits until it serves
//   node scripts/services/s3.ts stop  [--port 9000] [--folder F]    stops it; its data stay, and a later start goes on with them
//   node scripts/services/s3.ts clean [--port 9000] [--folder F]    stops it and deletes its data
// Needs Go; the first build takes a minute or two. Clients must use path-style addresses. MILLRACE_CACHE: where the program and data go
// (~/.cache/millrace).
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { answers, type HttpService, type HttpServiceOptions, obey, portIn } from './http-service.ts';
import { installOnce, programPath, runProgram, startProcess } from './service.ts';

const VERSION = 'v1.8.0';

/** Who may do all. */
export const s3Credentials = { accessKeyId: 'millrace', secretAccessKey: 'millrace-secret' } as const;

/** Builds it, unless it has been built. The program's path. */
export async function installS3(): Promise<string> {
  programPath('go');
  const folder = await installOnce('versitygw', VERSION, (folder) => {
    const env = { ...process.env, GOBIN: folder };
    runProgram('go', ['install', `github.com/versity/versitygw/cmd/versitygw@${VERSION}`], { env });
  });
  return join(folder, 'versitygw');
}

/** Starts it, or finds the one that runs in the folder, and waits until it serves. Stop it with `stopProcess`. */
export async function startS3(options: HttpServiceOptions): Promise<HttpService> {
  const { folder } = options;
  const program = await installS3();
  const port = await portIn(options);
  const [data, metadata] = [join(folder, 'data'), join(folder, 'metadata')];
  await mkdir(data, { recursive: true });
  await mkdir(metadata, { recursive: true });
  const address = `http://127.0.0.1:${port}`;
  const pid = await startProcess({
    folder,
    program,
    args: ['--port', `127.0.0.1:${port}`, '--quiet', 'posix', '--sidecar', metadata, data],
    env: { ROOT_ACCESS_KEY: s3Credentials.accessKeyId, ROOT_SECRET_KEY: s3Credentials.secretAccessKey },
    isReady: () => answers(address),
  });
  return { address, pid };
}

if (import.meta.main) await obey('s3', 9000, startS3);
