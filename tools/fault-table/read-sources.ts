import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as ts from 'typescript';

/** What stands for an expression in a template: any text. */
export const HOLE = '\uFFFC';

/** Every text in a file; a template has HOLE where its expressions are. */
export function textsIn(path: string): readonly string[] {
  const texts: string[] = [];
  visit(parsed(path), (node) => {
    const text = textOf(node);
    if (text !== undefined) texts.push(text);
  });
  return texts;
}

/** The titles of the tests of a file, as they are written: `%s` and `$name` of it.each as such. */
export function titlesIn(path: string): readonly string[] {
  const titles: string[] = [];
  visit(parsed(path), (node) => {
    if (!ts.isCallExpression(node)) return;
    // it, and whatever decides where a test runs: itNeeding(needs, title, …), itWithMounts(title, …).
    if (!/^it(?:[A-Z]|$)/.test(calleeOf(node.expression))) return;
    const text = node.arguments
      .slice(0, 2)
      .map(textOf)
      .find((one) => one !== undefined);
    if (text !== undefined) titles.push(text);
  });
  return titles;
}

/** The sources of the programs, without tests and what only tests use. */
export function programSources(root: string): readonly string[] {
  return ['apps', 'libs'].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.ts') && path.includes('/src/'))
      .filter((path) => !path.endsWith('.spec.ts') && !path.includes('/testing/'))
      .filter((path) => !path.startsWith('pipeline-e2e/'))
      .map((path) => join(root, folder, path)),
  );
}

function parsed(path: string): ts.SourceFile {
  return ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.Latest);
}

function visit(node: ts.Node, look: (node: ts.Node) => void): void {
  look(node);
  ts.forEachChild(node, (child) => visit(child, look));
}

/** "it" of it(…), it.each(…)(…) and it.each`…`(…). */
function calleeOf(expression: ts.Expression): string {
  if (ts.isIdentifier(expression)) return expression.text;
  if (ts.isTaggedTemplateExpression(expression)) return calleeOf(expression.tag);
  if (ts.isPropertyAccessExpression(expression) || ts.isCallExpression(expression)) {
    return calleeOf(expression.expression);
  }
  return '';
}

function textOf(node: ts.Node): string | undefined {
  if (ts.isStringLiteralLike(node)) return node.text;
  if (ts.isTemplateExpression(node)) {
    return [node.head.text, ...node.templateSpans.map(({ literal }) => literal.text)].join(HOLE);
  }
  if (ts.isBinaryExpression(node) && node.operatorToken.kind === ts.SyntaxKind.PlusToken) {
    const [left, right] = [textOf(node.left), textOf(node.right)];
    return left === undefined && right === undefined
      ? undefined
      : `${left ?? HOLE}${right ?? HOLE}`;
  }
  return undefined;
}
