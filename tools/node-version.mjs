// Read by any Node.js from 12.17 on, so it keeps to old syntax: no ??, no ?., no node: names.

export const NEEDED = '20.19';

/** True for 20.19 and newer. A pre-release counts as its release. */
export function isNewEnough(version) {
  const needed = NEEDED.split('.').map(Number);
  const [major, minor] = version.replace(/^v/, '').split('.').map(Number);
  return major > needed[0] || (major === needed[0] && minor >= needed[1]);
}

/** Runs the module (a URL), or says in one line which Node.js it needs and ends with code 2. */
export function runOnNewEnoughNode(url) {
  if (isNewEnough(process.version)) return import(url);
  console.error(
    'Node.js ' + NEEDED + ' or newer is needed, this is ' + process.version.slice(1) + '.',
  );
  process.exitCode = 2;
  return Promise.resolve();
}
