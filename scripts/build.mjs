// Emits ESM and declarations to dist/, or the folder given, from scratch, so that no file of an earlier build is published.
import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const target = process.argv[2] ?? join(root, 'dist');
rmSync(target, { recursive: true, force: true });
const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
const { status } = spawnSync(process.execPath, [tsc, '-p', join(root, 'tsconfig.build.json'), '--outDir', target], {
  stdio: 'inherit',
});
const command = join(target, 'cli', 'main.js');
if (existsSync(command)) chmodSync(command, 0o755);
// What `millrace local up` installs, and from where.
const services = ['scripts', 'services'];
if (existsSync(join(target, ...services))) {
  for (const name of ['kafka-pom.xml']) copyFileSync(join(root, ...services, name), join(target, ...services, name));
}
process.exit(status ?? 1);
