import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const { exports } = JSON.parse(readFileSync(new URL('package.json', import.meta.url), 'utf8'));

/** Examples import `millrace` by name, as their readers will: here that is the sources. */
const sources = Object.entries<{ default: string }>(exports).flatMap(([path, target]) =>
  typeof target === 'string'
    ? []
    : [
        {
          find: new RegExp(`^millrace${path.slice(1)}$`),
          replacement: fileURLToPath(
            new URL(target.default.replace('dist/', '').replace(/\.js$/, '.ts'), import.meta.url),
          ),
        },
      ],
);

export default defineConfig({
  resolve: { alias: sources },
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/services/global-setup.ts'],
    // Source errors are left to `npm run typecheck`; here only the expectations in the type tests count.
    typecheck: { enabled: true, include: ['test/types/**/*.test-d.ts'], ignoreSourceErrors: true },
    benchmark: { include: ['test/bench/**/*.bench.ts'] },
    testTimeout: 30_000,
    hookTimeout: 30_000,
    pool: 'threads',
    maxWorkers: 2,
  },
});
