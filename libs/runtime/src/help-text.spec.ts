import { helpText } from './help-text';

const row = { unit: '', description: 'What it is', form: 'a text', default: '' };

describe('helpText', () => {
  it('says what each variable is, what it takes and what it is when unset', () => {
    const text = helpText({
      name: 'app',
      summary: 'does things.',
      command: 'node main.js',
      variables: [
        { ...row, name: 'A', form: 'a whole number from 1 to 9', unit: 'ms', default: '3' },
        { ...row, name: 'LONGER', default: '(required)' },
        { ...row, name: 'URL' },
      ],
    });
    expect(text).toBe(`app: does things.

Usage: node main.js [--help]

Environment variables:

  A       What it is
          a whole number from 1 to 9 (ms); default 3

  LONGER  What it is
          a text; must be set

  URL     What it is
          a text; optional

CONFIG_FILE: a file of NAME=VALUE lines, or of JSON, with the variables that are
not set.
`);
  });

  it('has no table for a program that reads none', () => {
    const text = helpText({ name: 'app', summary: 'x.', command: 'app', variables: [] });
    expect(text).toBe('app: x.\n\nUsage: app [--help]\n');
  });
});
