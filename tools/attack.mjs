// What an attack costs others: throughput of a producer alone, and while idle connections, slow streams, a
// flood of pings and bursts of resets go on. Needs built programs:
// npx nx run-many -t build -p collector,producer; node tools/attack.mjs [rounds]
import { Buffer } from 'node:buffer';
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import process from 'node:process';
import { loadTypeScript } from './workspace/load-typescript.mjs';
import { inWorkspace } from './workspace/paths.mjs';

const EVENTS = 200_000;
const SIZE = { idleConnections: 2_000, slowStreams: 200 };
const rounds = Number(process.argv[2] ?? 3);

process.chdir(inWorkspace());
const { Attack, Scratch, startCollector } = await loadTypeScript([
  "export { Attack } from './apps/pipeline-e2e/src/harness/attack';",
  "export { Scratch, startCollector } from '@event-pipeline/runtime/testing';",
]);
const scratch = new Scratch();

try {
  const folder = await scratch.folder();
  const { address, program } = await startCollector({ QUEUE_URL: `embedded:${folder}` }, scratch);
  // The first run warms the collector up.
  await produce(address);
  const ratios = [];
  for (let round = 1; round <= rounds; round++) {
    const alone = await produce(address);
    const attack = new Attack(address, SIZE, scratch);
    await attack.start();
    const attacked = await produce(address);
    const resident = residentMib(program.pid);
    await attack.stop();
    ratios.push(attacked / alone);
    const figures = `${Math.round(alone)} events/s alone, ${Math.round(attacked)} under attack`;
    console.log(`round ${round}: ${figures}, ${resident} MiB resident`);
  }
  ratios.sort((one, other) => one - other);
  const median = ratios[Math.floor(ratios.length / 2)];
  console.log(`median: ${Math.round(median * 100)} % of the throughput is left`);
} finally {
  await scratch.clean();
}

/** Events a second. */
async function produce(address) {
  const args = ['--collector', address, '--count', String(EVENTS), '--json'];
  const script = inWorkspace('dist/apps/producer/main.js');
  const child = spawn(process.execPath, [script, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const chunks = [];
  child.stdout.on('data', (chunk) => chunks.push(chunk));
  const code = await new Promise((resolve) => child.once('close', resolve));
  const summary = JSON.parse(Buffer.concat(chunks).toString());
  if (code !== 0) throw new Error(`the producer ended with ${code}`);
  return summary.acknowledged / summary.seconds;
}

function residentMib(pid) {
  const [, kib] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Math.round(Number(kib) / 1_024);
}
