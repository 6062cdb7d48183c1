// Builds dist/libs/publisher: the package @event-pipeline/publisher as it is published. One bundle in
// CommonJS for each entry point; the ES modules hand on what that exports, so that a program which uses both
// has one PublishError.
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import ts from 'typescript';

const here = dirname(fileURLToPath(import.meta.url));
const root = resolve(here, '../..');
const out = join(root, 'dist/libs/publisher');
/** Name of the entry point, and its source. */
const ENTRIES = { index: 'src/index.ts', spill: 'src/spill/index.ts' };
/** What the bundles leave to npm. */
const DEPENDENCIES = ['@bufbuild/protobuf', '@grpc/grpc-js'];

/** The other entry points take the errors from the first one: there is one class of them. */
const sharedErrors = {
  name: 'shared-errors',
  setup: ({ onResolve }) => {
    onResolve({ filter: /\/publish-error$/ }, () => ({ path: './index.cjs', external: true }));
  },
};

/** No module of this repository does anything by being loaded: what is not used is left out. */
const withoutSideEffects = {
  name: 'without-side-effects',
  setup: ({ onResolve, resolve: resolvePath }) => {
    onResolve({ filter: /^(@event-pipeline\/|\.)/ }, async ({ path, pluginData, ...args }) => {
      if (pluginData === 'seen') return undefined;
      const found = await resolvePath(path, { ...args, pluginData: 'seen' });
      return { ...found, sideEffects: false };
    });
  },
};

rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });
for (const [name, source] of Object.entries(ENTRIES)) await writeBundle(name, source);
writeTypes();
writeManifest();
copyFileSync(join(here, 'README.md'), join(out, 'README.md'));
copyFileSync(join(root, 'LICENSE'), join(out, 'LICENSE'));

async function writeBundle(name, source) {
  const { metafile } = await build({
    entryPoints: [join(here, source)],
    outfile: join(out, `${name}.cjs`),
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    sourcemap: true,
    sourcesContent: false,
    tsconfig: join(root, 'tsconfig.base.json'),
    external: DEPENDENCIES.flatMap((dependency) => [dependency, `${dependency}/*`]),
    plugins: [...(name === 'index' ? [] : [sharedErrors]), withoutSideEffects],
    metafile: true,
    logLevel: 'warning',
  });
  const [{ imports }] = Object.values(metafile.outputs).filter(({ entryPoint }) => entryPoint);
  const foreign = imports.filter(({ path }) => !isExpected(path)).map(({ path }) => path);
  if (foreign.length > 0) throw new Error(`${name} needs ${foreign.join(', ')}: not a dependency`);
  const names = valuesOf(join(here, source));
  writeFileSync(
    join(out, `${name}.mjs`),
    `import entry from './${name}.cjs';\n` +
      names.map((value) => `export const ${value} = entry.${value};\n`).join(''),
  );
}

function isExpected(path) {
  if (path === './index.cjs') return true;
  const isOurs = DEPENDENCIES.some((name) => path === name || path.startsWith(`${name}/`));
  return isOurs || !path.includes('/') || path.startsWith('node:');
}

/** What the module exports beside types. */
function valuesOf(source) {
  const program = ts.createProgram([source], compilerOptions());
  const checker = program.getTypeChecker();
  const symbol = checker.getSymbolAtLocation(program.getSourceFile(source));
  return checker
    .getExportsOfModule(symbol)
    .filter((one) => {
      const target = one.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(one) : one;
      return (target.flags & ts.SymbolFlags.Value) !== 0;
    })
    .map(({ name }) => name)
    .sort();
}

/** Writes the declarations that the entry points lead to, and nothing beside them. */
function writeTypes() {
  const sources = Object.values(ENTRIES).map((source) => join(here, source));
  const emitted = new Map();
  const program = ts.createProgram(sources, {
    ...compilerOptions(),
    declaration: true,
    emitDeclarationOnly: true,
    noEmit: false,
    outDir: root,
    rootDir: root,
  });
  program.emit(undefined, (file, text) => emitted.set(resolve(file), text));
  const written = new Set();
  const write = (file) => {
    if (written.has(file)) return;
    written.add(file);
    const text = emitted.get(file);
    if (text === undefined) throw new Error(`no declaration was made: ${file}`);
    const place = join(out, 'types', relative(root, file));
    mkdirSync(dirname(place), { recursive: true });
    writeFileSync(
      place,
      text.replace(/from '([^']+)'|from "([^"]+)"/g, (whole, single, double) => {
        const target = declarationOf(single ?? double, file);
        if (target === undefined) return whole;
        write(target);
        const path = relative(dirname(file), target).replace(/\.d\.ts$/, '');
        return `from '${path.startsWith('.') ? path : `./${path}`}'`;
      }),
    );
  };
  for (const [name, source] of Object.entries(ENTRIES)) {
    const declaration = join(here, source).replace(/\.ts$/, '.d.ts');
    write(declaration);
    const path = `./types/${relative(root, declaration).replace(/\.d\.ts$/, '')}`;
    writeFileSync(join(out, `${name}.d.ts`), `export * from '${path}';\n`);
    writeFileSync(join(out, `${name}.d.mts`), `export * from './${name}.js';\n`);
  }
}

/** The declaration that a module's name leads to; undefined for one of another package. */
function declarationOf(name, from) {
  const options = compilerOptions();
  const source = from.replace(/\.d\.ts$/, '.ts');
  const { resolvedModule } = ts.resolveModuleName(name, source, options, ts.sys);
  const file = resolvedModule?.resolvedFileName;
  if (file === undefined || file.includes('node_modules')) return undefined;
  return resolve(file).replace(/\.ts$/, '.d.ts');
}

function compilerOptions() {
  const path = join(root, 'tsconfig.base.json');
  const { config } = ts.readConfigFile(path, ts.sys.readFile);
  return ts.parseJsonConfigFileContent({ ...config, files: [] }, ts.sys, root).options;
}

function writeManifest() {
  const workspace = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const entry = (name) => ({
    import: { types: `./${name}.d.mts`, default: `./${name}.mjs` },
    require: { types: `./${name}.d.ts`, default: `./${name}.cjs` },
  });
  const manifest = {
    name: '@event-pipeline/publisher',
    version: workspace.version,
    description: 'Sends events to the collector: batched, acknowledged, sent again when need be.',
    license: workspace.license,
    engines: workspace.engines,
    main: './index.cjs',
    types: './index.d.ts',
    exports: { '.': entry('index'), './spill': entry('spill'), './package.json': './package.json' },
    sideEffects: false,
    dependencies: Object.fromEntries(
      DEPENDENCIES.map((name) => [name, `^${workspace.dependencies[name]}`]),
    ),
    peerDependencies: { '@types/node': '>=20.19' },
    peerDependenciesMeta: { '@types/node': { optional: true } },
  };
  writeFileSync(join(out, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
}
