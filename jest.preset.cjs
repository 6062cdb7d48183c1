const path = require('node:path');
const ts = require('typescript');

const root = __dirname;
const { paths } = ts.parseConfigFileTextToJson(
  'tsconfig.base.json',
  ts.sys.readFile(path.join(root, 'tsconfig.base.json')),
).config.compilerOptions;

/** tsconfig's path names as jest's: there is one list of them. */
const moduleNameMapper = Object.fromEntries(
  Object.entries(paths).map(([name, [target]]) => [`^${name}$`, path.join(root, target)]),
);

/** Generous: a slow machine is no failure. */
const testTimeout = 30_000;

/** The jest configuration of the project in the given folder. */
module.exports = (projectDir) => ({
  displayName: path.basename(projectDir),
  rootDir: projectDir,
  testEnvironment: 'node',
  testMatch: ['<rootDir>/src/**/*.spec.ts'],
  moduleNameMapper,
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      {
        jsc: { parser: { syntax: 'typescript' }, target: 'es2022' },
        module: { type: 'commonjs' },
        sourceMaps: 'inline',
      },
    ],
    '^.+\\.lua$': path.join(root, 'tools/jest/text-transform.cjs'),
  },
  moduleFileExtensions: ['ts', 'js', 'mjs', 'cjs', 'json', 'lua'],
  testTimeout,
});

module.exports.testTimeout = testTimeout;
