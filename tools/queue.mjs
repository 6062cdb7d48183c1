#!/usr/bin/env node
// `npm run queue`. Old syntax only, like node-version.mjs: it must be able to say that Node.js is too old.
import { runOnNewEnoughNode } from './node-version.mjs';

runOnNewEnoughNode(new URL('./workspace/queue.mjs', import.meta.url).href);
