// Installs and builds what is missing, then becomes the doctor, in this process, so
// that its signals, its terminal and its exit code need no forwarding.
import { createRequire } from 'node:module';
import process from 'node:process';
import { ensureBuilt } from './build.mjs';
import { ensureInstalled } from './install.mjs';
import { inWorkspace } from './paths.mjs';

process.chdir(inWorkspace());
if ((await ensureInstalled()) && (await ensureBuilt())) {
  createRequire(import.meta.url)(inWorkspace('dist/apps/doctor/main.js'));
} else {
  process.exitCode = 1;
}
