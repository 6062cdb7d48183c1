import { createRequire } from 'node:module';
import { build } from 'esbuild';
import { inWorkspace } from './paths.mjs';

/**
 * Runs TypeScript lines as if they stood in a file at the root of the workspace, and resolves to what they
 * export. It takes a moment, and builds nothing that stays.
 */
export async function loadTypeScript(lines) {
  const { outputFiles } = await build({
    stdin: { contents: lines.join('\n'), resolveDir: inWorkspace(), loader: 'ts' },
    tsconfig: inWorkspace('tsconfig.base.json'),
    absWorkingDir: inWorkspace(),
    bundle: true,
    write: false,
    format: 'cjs',
    platform: 'node',
    packages: 'external',
    loader: { '.lua': 'text' },
    logLevel: 'silent',
  });
  const module = { exports: {} };
  const require = createRequire(inWorkspace('package.json'));
  new Function('module', 'exports', 'require', '__dirname', outputFiles[0].text)(
    module,
    module.exports,
    require,
    inWorkspace(),
  );
  return module.exports;
}
