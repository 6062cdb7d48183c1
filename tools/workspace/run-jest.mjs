import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { inWorkspace } from './paths.mjs';
import { runCommand } from './run-command.mjs';

/**
 * Runs jest once, with variables of the environment where they are given, and resolves to how many
 * tests passed and failed, and to the titles of those that were skipped.
 */
export async function runJest(args, env = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'test-result-'));
  const file = join(folder, 'result.json');
  const jest = [inWorkspace('node_modules/jest/bin/jest.js'), '--passWithNoTests'];
  try {
    const { ok } = await runCommand(
      process.execPath,
      [...jest, `--json`, `--outputFile=${file}`, ...args],
      { env },
    );
    const result = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined;
    const passed = result?.numPassedTests ?? 0;
    // A file that could not even be loaded counts as one; so does whatever else jest objects to.
    const failed = (result?.numFailedTests ?? 0) + (result?.numRuntimeErrorTestSuites ?? 0);
    return { passed, failed: Math.max(failed, ok ? 0 : 1), skipped: skippedTests(result) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function skippedTests(result) {
  const tests = (result?.testResults ?? []).flatMap(({ assertionResults }) => assertionResults);
  return tests.filter(({ status }) => status === 'pending').map(({ fullName }) => fullName);
}
