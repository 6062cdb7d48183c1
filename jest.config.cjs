/** Every project at once; each has a configuration of its own. */
module.exports = { projects: ['<rootDir>/apps/*', '<rootDir>/libs/*', '<rootDir>/tools'] };
