import { typedCommand } from './typed-command';

const QUEUE = { script: 'queue', bin: 'event-queue' };
const typed = (env: NodeJS.ProcessEnv, command = 'node tools/queue.mjs') =>
  typedCommand({ env, command }, QUEUE);

describe('the command as it was typed', () => {
  it.each([
    [{ npm_lifecycle_event: 'queue', npm_command: 'run-script' }, 'npm run queue --'],
    [{ npm_lifecycle_event: 'npx', npm_command: 'exec' }, 'npx event-queue'],
    [{ npm_command: 'exec' }, 'npx event-queue'],
    [{ CALLED_AS: 'docker-compose run --rm queue' }, 'docker-compose run --rm queue'],
    [{ CALLED_AS: '' }, 'node tools/queue.mjs'],
    // A script of somebody's own that calls the file.
    [{ npm_lifecycle_event: 'nightly', npm_command: 'run-script' }, 'node tools/queue.mjs'],
  ])('with %j is %s', (env, expected) => expect(typed(env)).toBe(expected));

  it('is the name of the link where a link was called', () => {
    expect(typed({}, 'node ../../node_modules/.bin/event-queue')).toBe('event-queue');
  });

  it('is never that of a link that there is not', () => {
    const host = { env: { npm_command: 'exec' }, command: 'node doctor.js' };
    expect(typedCommand(host, { script: 'doctor' })).toBe('node doctor.js');
  });
});
