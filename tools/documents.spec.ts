import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

interface Facts {
  readonly programs: Readonly<
    Record<string, readonly { readonly name: string; readonly fileVariable?: string }[]>
  >;
  readonly metrics: readonly { readonly name: string }[];
  readonly errorCodes: readonly string[];
}

const root = join(__dirname, '..');
const rootDocuments = readdirSync(root).filter((name) => name.endsWith('.md'));
const moreDocuments = readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.md'))
  .map((name) => join('docs', name));
const documents = [...rootDocuments, ...moreDocuments, 'examples/clients/README.md'];

const readDocument = (path: string) => readFileSync(join(root, path), 'utf8');
const withoutBlocks = (text: string) => text.replace(/^```[^]*?^```$/gm, '');
const matches = (text: string, pattern: RegExp) => [...text.matchAll(pattern)].map(([, it]) => it!);

/** What stands in backticks in running text. */
const codeIn = (path: string) => matches(withoutBlocks(readDocument(path)), /`([^`\n]+)`/g);

/** The fragment under which a reader of GitHub finds a heading. */
const anchorsOf = (text: string) =>
  matches(withoutBlocks(text), /^#+ (.+)$/gm).map((heading) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );

describe.each(documents)('%s', (path) => {
  it('has links that lead somewhere', () => {
    const links = matches(withoutBlocks(readDocument(path)), /\]\(([^)\s]+)\)/g);
    const broken = links.filter((link) => {
      if (/^https?:/.test(link)) return false;
      const [file = '', anchor] = link.split('#');
      const target = file === '' ? path : relative(root, join(root, dirname(path), file));
      if (!existsSync(join(root, target))) return true;
      return anchor !== undefined && !anchorsOf(readDocument(target)).includes(anchor);
    });
    expect(broken).toEqual([]);
  });

  it('names files and folders that exist', () => {
    const named = codeIn(path).filter((code) =>
      /^(apps|libs|proto|tools|docs|examples|\.ci|\.github)\/[\w./-]*$/.test(code),
    );
    expect(named.filter((name) => !existsSync(join(root, name)))).toEqual([]);
  });
});

describe('ARCHITECTURE.md', () => {
  /** What every project, or every program, has one of. */
  const generic = ['main.ts', 'project.json'];

  it('names each file by its whole path', () => {
    const files = codeIn('ARCHITECTURE.md').filter((code) =>
      /^[\w./-]+\.(ts|lua|mjs|cjs|js|proto|json|ya?ml|md)$/.test(code),
    );
    expect(files.length).toBeGreaterThan(30);
    const unknown = files.filter((file) => !existsSync(join(root, file)));
    expect(unknown.filter((file) => !generic.includes(file))).toEqual([]);
  });
});

describe('the documents together', () => {
  const script = join(__dirname, 'reference-docs.mjs');
  const printed = execFileSync(process.execPath, [script, '--facts'], { encoding: 'utf8' });
  const { programs, metrics, errorCodes } = JSON.parse(printed) as Facts;
  const text = documents.map(readDocument).join('\n');

  it('name only variables that a program reads', () => {
    const variables = Object.values(programs)
      .flat()
      .flatMap(({ name, fileVariable }) => [name, ...(fileVariable ? [fileVariable] : [])]);
    // What npm test reads, and codes that look like a variable.
    const known = new Set([...variables, 'REDIS_SERVER', 'POSTGRES_BIN', ...errorCodes]);
    const prefixes = new Set(variables.map((name) => name.split('_')[0]));
    const named = matches(text, /(?<![A-Z_])([A-Z]+_[A-Z_]*[A-Z])(?![A-Z_])/g).filter((name) =>
      prefixes.has(name.split('_')[0]),
    );
    expect(named.length).toBeGreaterThan(100);
    expect(named.filter((name) => !known.has(name))).toEqual([]);
  });

  it('name only metrics that there are', () => {
    const known = new Set(metrics.map(({ name }) => name));
    const named = matches(text, /(?<![a-z_/])(pipeline_[a-z_]*[a-z])/g);
    expect(named.length).toBeGreaterThan(metrics.length);
    expect(named.filter((name) => !known.has(name))).toEqual([]);
  });
});
