// `npm run bench:compare`. Old syntax only, like node-version.mjs: it must be able to say that Node.js is too
// old.
import { runOnNewEnoughNode } from './node-version.mjs';

runOnNewEnoughNode(new URL('./workspace/bench-compare.mjs', import.meta.url).href);
