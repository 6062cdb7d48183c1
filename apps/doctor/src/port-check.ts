import { request } from 'node:http';
import { request as requestTls } from 'node:https';
import { createServer } from 'node:net';
import { connect } from 'node:tls';
import {
  fineFinding,
  problemFinding,
  warningFinding,
  type Clock,
  type Finding,
} from '@event-pipeline/runtime';
import { askHealth } from './grpc-health';
import { refusalOfToken } from './token-check';

const HOST = '127.0.0.1';
const ANSWER_LIMIT_MS = 2_000;
const MAX_ANSWER_BYTES = 65_536;

/**
 * Who has the HTTP port of a program: nobody, the program itself (it answers on /readyz in our form), or
 * a stranger.
 */
export async function checkHttpPort(
  program: string,
  port: number,
  variable: string,
): Promise<Finding> {
  const setting = `HTTP port ${port}`;
  const obstacle = port === 0 ? undefined : await obstacleTo(port);
  if (obstacle === undefined) return fineFinding(setting, 'free');
  if (!isTaken(obstacle)) return forbiddenPort(setting, obstacle, variable);
  const answer = (await readiness(port, request)) ?? (await readiness(port, requestTls));
  if (answer === undefined) {
    const means = `it does not answer as a ${program} does`;
    return warningFinding(setting, 'taken by another program', means, `${variable}=<a free port>`);
  }
  if (answer.ready) return fineFinding(setting, `the ${program} is ready`);
  return warningFinding(setting, `the ${program} is not ready`, answer.reason);
}

/**
 * Who has the gRPC port: the port itself is asked, by the health service that a collector has; and whether
 * it takes the token, where there is one.
 */
export async function checkGrpcPort(port: number, clock: Clock, token?: string): Promise<Finding> {
  const setting = `gRPC port ${port}`;
  const obstacle = port === 0 ? undefined : await obstacleTo(port);
  if (obstacle === undefined) return fineFinding(setting, 'free');
  if (!isTaken(obstacle)) return forbiddenPort(setting, obstacle, 'COLLECTOR_PORT');
  const speaksTls = await shakesHands(port);
  const status = await askHealth(port, clock, speaksTls);
  if (status === 'SERVING') {
    // With TLS it would need the certificates of a client: what its token is worth is not asked.
    if (token === undefined || speaksTls) return fineFinding(setting, 'a collector serves');
    const refusal = await refusalOfToken(port, token, clock);
    return refusal === undefined
      ? fineFinding(setting, 'a collector serves, and takes a request with COLLECTOR_TOKEN')
      : problemFinding(setting, 'a collector serves, and refuses COLLECTOR_TOKEN', refusal);
  }
  if (status !== undefined) {
    return warningFinding(setting, `a collector answers ${status}`, 'it takes no events now');
  }
  if (speaksTls) {
    const means = 'it tells more only to a client with a certificate, if it is a collector';
    return warningFinding(setting, 'a server over TLS', means);
  }
  const means = 'no gRPC server with a health service for event.EventService answers there';
  return warningFinding(setting, 'taken by another program', means, 'COLLECTOR_PORT=<a free port>');
}

/** Why nobody can listen there now; undefined where one can. */
function obstacleTo(port: number): Promise<NodeJS.ErrnoException | undefined> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', resolve);
    probe.listen(port, HOST, () => probe.close(() => resolve(undefined)));
  });
}

function isTaken({ code }: NodeJS.ErrnoException): boolean {
  return code === 'EADDRINUSE';
}

/** A port that this user may not listen on, whoever has it. */
export function forbiddenPort(
  setting: string,
  { code, message }: NodeJS.ErrnoException,
  variable: string,
): Finding {
  const means =
    code === 'EACCES' ? 'this user may not listen on it, as with most below 1024' : message;
  return problemFinding(setting, code ?? 'unusable', means, `${variable}=<a port above 1023>`);
}

/** Whether a server of TLS is there, whomever it lets in. */
function shakesHands(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: HOST, port, rejectUnauthorized: false, ALPNProtocols: ['h2'] });
    const end = (shaken: boolean) => {
      socket.destroy();
      resolve(shaken);
    };
    socket.setTimeout(ANSWER_LIMIT_MS, () => end(false));
    socket.once('secureConnect', () => end(true));
    socket.on('error', () => end(false));
    socket.once('close', () => resolve(false));
  });
}

/** Undefined for an answer that is not ours. */
function readiness(
  port: number,
  ask: typeof request | typeof requestTls,
): Promise<{ ready: boolean; reason: string } | undefined> {
  const where = { host: HOST, port, path: '/readyz', timeout: ANSWER_LIMIT_MS, agent: false };
  return new Promise((resolve) => {
    const asked = ask(
      // Nothing is confided to whoever answers here: any certificate will do.
      { ...where, rejectUnauthorized: false },
      (response) => {
        let text = '';
        response.on('data', (chunk: Buffer) => {
          text += chunk.toString();
          if (text.length > MAX_ANSWER_BYTES) asked.destroy();
        });
        response.on('end', () => resolve(parsed(text)));
        response.on('error', () => resolve(undefined));
      },
    );
    asked.on('timeout', () => asked.destroy());
    asked.on('error', () => resolve(undefined));
    asked.on('close', () => resolve(undefined));
    asked.end();
  });
}

function parsed(text: string): { ready: boolean; reason: string } | undefined {
  try {
    const { ready, reason } = JSON.parse(text) as { ready?: unknown; reason?: unknown };
    return typeof ready === 'boolean' && typeof reason === 'string' ? { ready, reason } : undefined;
  } catch {
    return undefined;
  }
}
