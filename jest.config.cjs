const { testTimeout } = require('./jest.preset.cjs');

/** Every project at once. Of a project's own configuration jest then passes over the time limit. */
module.exports = {
  projects: ['<rootDir>/apps/*', '<rootDir>/libs/*', '<rootDir>/bench', '<rootDir>/tools'],
  testTimeout,
};
