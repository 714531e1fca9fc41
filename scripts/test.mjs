// The whole check: types, lint, tests. Types and lint count as one test each; the last line adds everything up.
// Arguments go to vitest: `npm test -- test/protocol`.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const total = { passed: 0, failed: 0, skipped: 0 };

function run(command, args) {
  console.log(`\n> ${command} ${args.join(' ')}`);
  const result = spawnSync(command, args, { stdio: ['ignore', 'inherit', 'inherit'] });
  if (result.error) console.error(`cannot start ${command}: ${result.error.message}`);
  return result.status === 0;
}

function check(command, args) {
  total[run(command, args) ? 'passed' : 'failed'] += 1;
}

function readReport(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}

function tests(args) {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-test-'));
  const file = join(folder, 'report.json');
  const succeeded = run('vitest', [
    'run',
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${file}`,
    ...args,
  ]);
  const report = readReport(file);
  rmSync(folder, { recursive: true, force: true });

  const filesThatDidNotBegin = (report?.testResults ?? []).filter(
    (result) => result.status === 'failed' && result.assertionResults.every(({ status }) => status !== 'failed'),
  ).length;
  const failed = (report?.numFailedTests ?? 0) + filesThatDidNotBegin;
  total.passed += report?.numPassedTests ?? 0;
  total.skipped += (report?.numPendingTests ?? 0) + (report?.numTodoTests ?? 0);
  // A run can fail with every test green: an unhandled rejection, a crashed worker, a missing report.
  total.failed += failed === 0 && !(succeeded && report) ? 1 : failed;
}

check('tsc', ['--noEmit']);
check('biome', ['check', '--error-on-warnings', '.']);
tests(process.argv.slice(2));

const skipped = total.skipped > 0 ? `, ${total.skipped} skipped` : '';
console.log(`\n${total.passed} passed, ${total.failed} failed${skipped}`);
process.exitCode = total.failed > 0 ? 1 : 0;
