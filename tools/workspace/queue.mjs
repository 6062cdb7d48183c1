// Installs and builds what is missing, then becomes the queue's command line: in this process, so that
// its signals, its terminal and its exit code need no forwarding, and in the caller's folder, so that a
// relative path in QUEUE_URL means what it means there. What is said about building goes to standard
// error: standard output is the command's.
import { createRequire } from 'node:module';
import process from 'node:process';
import { ensureBuilt } from './build.mjs';
import { ensureInstalled } from './install.mjs';
import { inWorkspace } from './paths.mjs';

const say = process.stderr;
if ((await ensureInstalled(say)) && (await ensureBuilt(say))) {
  createRequire(import.meta.url)(inWorkspace('dist/apps/queue-cli/main.js'));
} else {
  process.exitCode = 1;
}
