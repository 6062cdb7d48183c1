import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import process from 'node:process';
import { inWorkspace } from '../workspace/paths.mjs';
import { eventually, outcomeOf, runBounded } from './run-bounded.mjs';

const COMPOSE_FILE = 'docker-compose.yml';
const CLEAN_UP_LIMIT_MS = 60_000;

/** The containers of docker-compose.yml under a name and ports of their own. */
export class ComposeProject {
  #command;
  #env;

  constructor(command, name) {
    this.#command = command;
    this.name = name;
    this.#env = {
      ...withoutSettings(process.env),
      COMPOSE_PROJECT_NAME: name,
      COMPOSE_FILE,
      // Free ports: tests run beside whatever else runs here.
      GRPC_PUBLISH: '127.0.0.1:0',
      PROMETHEUS_PUBLISH: '127.0.0.1:0',
    };
  }

  /** Sets variables of the compose files; more files may extend the first one. */
  set(variables, ...moreFiles) {
    const COMPOSE_FILES = [COMPOSE_FILE, ...moreFiles].join(':');
    this.#env = { ...this.#env, ...variables, COMPOSE_FILE: COMPOSE_FILES };
  }

  /** The command as a user types it. */
  line(...args) {
    return [...this.#command, ...args].join(' ');
  }

  /** Runs a compose command. Nobody sits at a terminal here, which exec and run have to be told. */
  run(args, options = {}) {
    return runBounded(...this.#whole(args), { env: this.#env, limitMs: 120_000, ...options });
  }

  /** The same for one that may fail. */
  outcome(args, options = {}) {
    return outcomeOf(...this.#whole(args), { env: this.#env, limitMs: 120_000, ...options });
  }

  async exec(service, ...command) {
    const { stdout } = await this.run(['exec', service, ...command]);
    return stdout.trim();
  }

  async docker(...args) {
    const { stdout } = await runBounded('docker', args);
    return stdout.trim();
  }

  /** Past compose, which takes a second for it. */
  async redis(...words) {
    const [{ Id: id }] = await this.containers('redis');
    return this.docker('exec', id, 'redis-cli', ...words);
  }

  /** What the engine knows of the containers of a service, stopped ones included. */
  async containers(service) {
    const filters = this.#filters('service', service).concat(this.#filters('oneoff', 'False'));
    const ids = await listed('ps', ['--all', '--no-trunc', ...this.#filters(), ...filters]);
    if (ids.length === 0) return [];
    const { stdout } = await runBounded('docker', ['inspect', ...ids]);
    return JSON.parse(stdout);
  }

  /** Waits until so many containers of each service are healthy. */
  async healthy(services, limitMs = 90_000) {
    for (const [service, count] of Object.entries(services)) {
      await eventually(
        `${count} healthy ${service}`,
        async () => {
          const containers = await this.containers(service);
          return (
            containers.filter(({ State }) => State.Health?.Status === 'healthy').length === count
          );
        },
        limitMs,
      );
    }
  }

  /** Removes everything of this project; waits for nothing but the engine. */
  removeAll() {
    const docker = (...args) =>
      spawnSync('docker', args, { encoding: 'utf8', timeout: CLEAN_UP_LIMIT_MS }).stdout ?? '';
    const remove = (list, ...removal) => {
      const found = docker(...list, '--quiet', ...this.#filters())
        .split('\n')
        .filter(Boolean);
      if (found.length > 0) docker(...removal, ...found);
    };
    remove(['ps', '--all'], 'rm', '--force', '--volumes');
    remove(['volume', 'ls'], 'volume', 'rm', '--force');
    remove(['network', 'ls'], 'network', 'rm');
    // Images bear no label in version 1; their name begins with the project's.
    const images = docker('images', '--format', '{{.Repository}}').split('\n');
    const own = images.filter((image) => image.startsWith(this.name));
    if (own.length > 0) docker('rmi', '--force', ...own);
  }

  #filters(label = 'project', value = this.name) {
    return ['--filter', `label=com.docker.compose.${label}=${value}`];
  }

  #whole([verb, ...rest]) {
    const [program, ...args] = this.#command;
    const noTerminal = verb === 'exec' || verb === 'run' ? ['-T'] : [];
    return [program, [...args, verb, ...noTerminal, ...rest]];
  }
}

async function listed(...command) {
  const [verb, args] = command;
  const { stdout } = await runBounded('docker', [verb, '--quiet', ...args]);
  return stdout.split('\n').filter(Boolean);
}

/**
 * The environment without what would change the containers. Settings that the compose file passes
 * on are set to nothing, which counts as unset and also hides those of a file .env.
 */
function withoutSettings(env) {
  const text = readFileSync(inWorkspace(COMPOSE_FILE), 'utf8');
  const passedOn = [...text.matchAll(/^ +([A-Z_]+):$/gm)].map(([, name]) => name);
  const others = [...text.matchAll(/\$\{([A-Z_]+)/g)].map(([, name]) => name);
  const empty = [...passedOn, ...others].map((name) => [name, '']);
  const kept = Object.entries(env).filter(([name]) => !name.startsWith('COMPOSE_'));
  return { ...Object.fromEntries(kept), ...Object.fromEntries(empty) };
}
