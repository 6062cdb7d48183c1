import eslint from '@eslint/js';
import nx from '@nx/eslint-plugin';
import prettier from 'eslint-config-prettier';
import tseslint from 'typescript-eslint';

/** Packages that only one place may know; everywhere else they are refused. */
const owned = [
  {
    name: 'ioredis',
    owner: 'libs/queue/src/redis',
    message: 'Redis is an engine behind the Queue port.',
  },
  {
    name: 'lmdb',
    owner: 'libs/queue/src/embedded',
    message: 'LMDB is an engine behind the Queue port.',
  },
  {
    name: 'pg',
    owner: 'libs/store/src/postgres',
    message: 'PostgreSQL is an engine behind the EventStore port.',
  },
  {
    name: 'libsql',
    owner: 'libs/store/src/embedded',
    message: 'SQLite is an engine behind the EventStore port.',
  },
  {
    name: 'pino',
    owner: 'libs/telemetry/src',
    message: 'Log through the Logger of @event-pipeline/telemetry.',
  },
  {
    name: 'prom-client',
    owner: 'libs/telemetry/src',
    message: 'Metrics are declared in @event-pipeline/telemetry.',
  },
  // Here alone it is loaded only where tracing is on.
  ...['api', 'exporter-trace-otlp-http', 'resources', 'sdk-trace-base'].map((name) => ({
    name: `@opentelemetry/${name}`,
    owner: 'libs/telemetry/src/tracing',
    message: 'Spans are begun through the Tracing of @event-pipeline/telemetry.',
  })),
];

/** Refuses every owned package except those the folder owns, however it is imported. */
const ownedImports = (folder) => {
  const refused = owned.filter(({ owner }) => owner !== folder);
  return {
    '@typescript-eslint/no-restricted-imports': [
      'error',
      { paths: refused.map(({ name, message }) => ({ name, message, allowTypeImports: false })) },
    ],
    'no-restricted-syntax': [
      'error',
      ...refused.map(({ name, message }) => ({
        selector: `ImportExpression[source.value='${name}']`,
        message,
      })),
    ],
  };
};

const tests = [
  '**/*.spec.ts',
  '**/testing/**/*.ts',
  'apps/pipeline-e2e/**/*.ts',
  'bench/**/*.ts',
  'tools/**',
];

export default tseslint.config(
  {
    ignores: [
      '**/dist',
      '**/node_modules',
      '**/.nx',
      '**/coverage',
      'libs/contracts/src/gen',
      // Bad on purpose; tools/lint-fixtures.mjs lints them as if they lay elsewhere.
      'tools/boundary-fixtures',
      '**/*.cjs',
    ],
  },
  eslint.configs.recommended,
  ...tseslint.configs.strict,
  prettier,
  {
    files: ['**/*.ts', '**/*.mjs'],
    plugins: { '@nx': nx },
    rules: {
      '@nx/enforce-module-boundaries': [
        'error',
        {
          enforceBuildableLibDependency: false,
          allow: [],
          depConstraints: [
            {
              sourceTag: 'layer:app',
              onlyDependOnLibsWithTags: ['layer:core', 'layer:foundation', 'layer:contract'],
            },
            {
              sourceTag: 'layer:core',
              onlyDependOnLibsWithTags: ['layer:core', 'layer:foundation', 'layer:contract'],
            },
            { sourceTag: 'layer:tool', onlyDependOnLibsWithTags: [] },
            {
              sourceTag: 'scope:payload-opaque',
              notDependOnLibsWithTags: ['layer:contract'],
              bannedExternalImports: ['@grpc/*', '@bufbuild/*'],
            },
            {
              sourceTag: 'scope:client',
              onlyDependOnLibsWithTags: ['layer:contract', 'layer:foundation'],
              bannedExternalImports: [
                'ioredis',
                'lmdb',
                'pg',
                'libsql',
                'pino',
                'prom-client',
                '@opentelemetry/*',
                'zod',
              ],
            },
            {
              sourceTag: 'layer:foundation',
              onlyDependOnLibsWithTags: ['layer:foundation'],
              bannedExternalImports: ['@grpc/*', '@bufbuild/*', 'ioredis', 'lmdb'],
            },
            {
              sourceTag: 'layer:contract',
              onlyDependOnLibsWithTags: ['layer:contract', 'layer:foundation'],
              bannedExternalImports: ['ioredis', 'lmdb', 'pino', 'prom-client'],
            },
          ],
        },
      ],
    },
  },
  {
    files: ['**/*.ts'],
    rules: {
      'no-restricted-imports': 'off',
      ...ownedImports(undefined),
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-extraneous-class': 'off',
      '@typescript-eslint/unified-signatures': 'off',
      'no-restricted-properties': [
        'error',
        {
          object: 'process',
          property: 'env',
          message: 'Only main files and libs/runtime read the environment.',
        },
        {
          object: 'process',
          property: 'exit',
          message: 'Only main files and libs/runtime end the process.',
        },
        { object: 'Date', property: 'now', message: 'Take a Clock from @event-pipeline/runtime.' },
        {
          object: 'Math',
          property: 'random',
          message: 'Take a Random from @event-pipeline/runtime.',
        },
      ],
    },
  },
  ...[...new Set(owned.map(({ owner }) => owner))].map((folder) => ({
    files: [`${folder}/**/*.ts`],
    rules: ownedImports(folder),
  })),
  {
    files: ['**/main.ts', 'libs/runtime/src/**/*.ts', ...tests],
    rules: { 'no-restricted-properties': 'off' },
  },
  {
    files: tests,
    rules: {
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-restricted-imports': 'off',
      'no-restricted-syntax': 'off',
    },
  },
  {
    files: ['**/*.mjs'],
    languageOptions: {
      globals: {
        process: 'readonly',
        console: 'readonly',
        URL: 'readonly',
        setTimeout: 'readonly',
        clearTimeout: 'readonly',
      },
    },
  },
);
