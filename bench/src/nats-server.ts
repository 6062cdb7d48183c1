import { spawn } from 'node:child_process';
import { connect } from 'node:net';
import { freePort } from '@event-pipeline/queue/testing';
import { guardOrphan } from '@event-pipeline/runtime';
import { until, type Scratch } from '@event-pipeline/runtime/testing';
import { pin } from './placement';

/** A NATS server with JetStream on files, on loopback; gives its port. */
export async function startNats(scratch: Scratch): Promise<number> {
  const port = await freePort();
  const folder = await scratch.folder();
  const args = ['-js', '-sd', folder, '-a', '127.0.0.1', '-p', String(port)];
  const child = spawn('nats-server', args, { stdio: 'ignore' });
  const pid = child.pid ?? -1;
  const guard = guardOrphan(pid, { signal: 'SIGKILL' });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  scratch.afterwards(async () => {
    child.kill('SIGKILL');
    await exited;
    guard.release();
  });
  await until('NATS listens', () => answers(port), 20_000);
  pin(pid, 'engine');
  return port;
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('data', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
