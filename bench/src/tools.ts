import { spawnSync } from 'node:child_process';
import { findPostgres } from '@event-pipeline/store/testing';
import { join } from 'node:path';

/** Programs that a scenario may need beside Node.js. */
export type Tool = 'h2load' | 'nats-server' | 'redis-server' | 'postgres';

const PACKAGES: Readonly<Record<Tool, string>> = {
  h2load: 'nghttp2-client (Debian), nghttp2 (Homebrew)',
  'nats-server': 'nats-server (Debian, Homebrew)',
  'redis-server': 'redis-server (Debian), redis (Homebrew)',
  postgres: 'postgresql (Debian, Homebrew)',
};

/** What the tool says about its version; undefined where it is missing. */
export function versionOf(tool: Tool): string | undefined {
  let program: string = tool;
  try {
    if (tool === 'redis-server') program = process.env['REDIS_SERVER'] ?? tool;
    if (tool === 'postgres') program = join(findPostgres(), 'postgres');
  } catch {
    return undefined;
  }
  const { status, stdout } = spawnSync(program, ['--version'], { encoding: 'utf8' });
  return status === 0 ? stdout.trim() : undefined;
}

export function howToInstall(tool: Tool): string {
  return `${tool} is not installed; its package: ${PACKAGES[tool]}`;
}

/** The first that is missing. */
export function missingTool(needs: readonly Tool[]): Tool | undefined {
  return needs.find((tool) => versionOf(tool) === undefined);
}
