const { createHash } = require('node:crypto');

/** Turns a text file into a module whose default export is its content, as esbuild's text loader does. */
module.exports = {
  process: (source) => ({
    code: `module.exports = { __esModule: true, default: ${JSON.stringify(source)} };`,
  }),
  getCacheKey: (source) => createHash('sha256').update(source).digest('hex'),
};
