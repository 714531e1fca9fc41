// Runs a command with the project's own tools, installing them first when they are missing or older than the lockfile.
// Plain JavaScript without dependencies: on a fresh clone it runs before anything is installed, under whatever Node is there.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const tools = join(root, 'node_modules', '.bin');
const outsidePath = (process.env.PATH ?? '')
  .split(delimiter)
  .filter((folder) => folder !== tools)
  .join(delimiter);

const [major, minor] = process.versions.node.split('.').map(Number);
const runsTypeScript = () => existsSync(join(tools, 'node')) || major > 22 || (major === 22 && minor >= 18);

const packagesOf = (lockfile) => JSON.parse(readFileSync(lockfile, 'utf8')).packages;

/** npm records what it installed in a hidden lockfile; packages for other platforms are optional and may be absent. */
function isInstalled() {
  const record = join(root, 'node_modules', '.package-lock.json');
  if (!existsSync(record) || !runsTypeScript()) return false;
  const installed = packagesOf(record);
  return Object.entries(packagesOf(join(root, 'package-lock.json'))).every(
    ([path, wanted]) =>
      path === '' || wanted.optional || wanted.devOptional || installed[path]?.version === wanted.version,
  );
}

function run(command, args, path) {
  const result = spawnSync(command, args, { cwd: root, stdio: 'inherit', env: { ...process.env, PATH: path } });
  if (result.error) {
    console.error(`cannot start ${command}: ${result.error.message}`);
    return 127;
  }
  return result.signal ? 128 + constants.signals[result.signal] : result.status;
}

// Ctrl-C goes to the command too: it is waited for, and its exit code told.
process.on('SIGINT', () => {});

const [command, ...args] = process.argv.slice(2);
if (!isInstalled()) {
  console.error('installing dependencies (npm ci), this takes about half a minute');
  const status = run('npm', ['ci', '--include=dev', '--loglevel=error'], outsidePath);
  if (status !== 0) process.exit(status);
  if (!runsTypeScript()) {
    console.error(
      'npm did not install Node 24: allow install scripts (ignore-scripts=false) or use Node 22.18 or newer',
    );
    process.exit(1);
  }
}
process.exit(run(command, args, tools + delimiter + outsidePath));
