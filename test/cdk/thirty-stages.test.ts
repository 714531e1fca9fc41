import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const STAGES = 30;

const source = `
  import { collection, pipeline, toMemory } from 'millrace';
  export default pipeline('long', (p) => {
    let stream = p.source('in', collection([1]));
    for (let i = 1; i < ${STAGES}; i++) stream = stream.map('step-' + i, (n) => n + 1);
    stream.to('out', toMemory());
  }, { fusing: 'none' });`;

it('thirty stages are bundled in one call', { timeout: 600_000 }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-test-thirty-'));
  try {
    writeFileSync(join(folder, 'pipeline.ts'), source);
    const { stderr, status } = spawnSync(process.execPath, ['cdk/app.ts'], {
      cwd: root,
      encoding: 'utf8',
      env: {
        ...process.env,
        ...{ NODE_OPTIONS: '', CDK_OUTDIR: join(folder, 'out') },
        CDK_CONTEXT_JSON: JSON.stringify({ pipeline: folder }),
      },
    });
    expect(status, stderr).toBe(0);
    expect(stderr.match(/Bundling asset/g)).toHaveLength(1);
    const template = JSON.parse(readFileSync(join(folder, 'out', 'long.template.json'), 'utf8')) as {
      readonly Resources: Readonly<Record<string, { readonly Type: string }>>;
    };
    const functions = Object.values(template.Resources).filter(({ Type }) => Type === 'AWS::Lambda::Function');
    expect(functions).toHaveLength(STAGES + 2);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
