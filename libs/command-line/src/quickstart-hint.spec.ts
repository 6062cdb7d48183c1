import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { quickstartHint } from './quickstart-hint';

describe('the hint at the queue of npm start', () => {
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'hint-'))));
  afterEach(() => rmSync(folder, { recursive: true }));
  const hint = (env: NodeJS.ProcessEnv = {}) => quickstartHint(env, folder, 'npm run doctor');

  it('names the variables where its folders are there and nothing is configured', () => {
    expect(hint()).toBeUndefined();
    mkdirSync(join(folder, '.data/queue'), { recursive: true });
    expect(hint({ QUEUE_URL: '' })).toMatch(
      /:\n {2}QUEUE_URL=embedded:.data\/queue npm run doctor$/,
    );
    mkdirSync(join(folder, '.data/store'));
    expect(hint()).toMatch(/ STORE_URL=embedded:.data\/store npm run doctor$/);
    expect(hint({ STORE_URL: 'none' })).not.toContain('STORE_URL');
  });

  it('is not given where somebody has said where the queue is', () => {
    mkdirSync(join(folder, '.data/queue'), { recursive: true });
    expect(hint({ QUEUE_URL: 'redis://elsewhere' })).toBeUndefined();
    expect(hint({ REDIS_HOST: 'localhost' })).toBeUndefined();
  });
});
