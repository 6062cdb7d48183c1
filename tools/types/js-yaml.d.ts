/** What the tests of YAML files use of it. */
declare module 'js-yaml' {
  export function loadAll(text: string): unknown[];
}
