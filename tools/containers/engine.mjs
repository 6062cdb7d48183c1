import { outcomeOf } from './run-bounded.mjs';

const CANDIDATES = [['docker', 'compose'], ['docker-compose']];

/**
 * Which compose command is to be used: the one named by the arguments, else `docker compose`, else
 * `docker-compose`. Resolves to undefined where the engine or compose is missing; what to do about
 * it has been said then.
 */
export async function findCompose(wanted) {
  const engine = await outcomeOf('docker', ['version', '--format', '{{.Server.Version}}']);
  if (engine.code !== 0) {
    const reason = engine.code === 127 ? 'there is no docker command' : engine.stderr.trim();
    console.error(
      `The container tests need a Docker engine that answers "docker version": ${reason}\n` +
        'Install and start it: https://docs.docker.com/engine/install/',
    );
    return undefined;
  }
  for (const command of wanted.length > 0 ? [wanted] : CANDIDATES) {
    const [program, ...args] = command;
    const { code, stdout } = await outcomeOf(program, [...args, 'version', '--short']);
    if (code !== 0) continue;
    console.log(`Docker engine ${engine.stdout.trim()}, ${command.join(' ')} ${stdout.trim()}`);
    return command;
  }
  const missing = wanted.length > 0 ? `"${wanted.join(' ')}"` : '"docker compose"';
  console.error(
    `The container tests need Docker Compose: ${missing} does not work here.\n` +
      'Install it: https://docs.docker.com/compose/install/',
  );
  return undefined;
}
