import { createLogger } from '@event-pipeline/telemetry';
import { readOutputLine } from './program-output';

describe("a line of a program's output", () => {
  let line: string;
  const logger = createLogger({
    name: 'worker',
    level: 'info',
    format: 'json',
    destination: { write: (text) => (line = text.trimEnd()) },
  });

  it('is only kept when it is information', () => {
    logger.info({ events: 3 }, 'processed a lease');
    expect(readOutputLine(line)).toEqual({ kind: 'log', text: 'processed a lease' });
  });

  it('is shown with its level and its cause when it is a warning', () => {
    logger.warn({ err: new Error('no room') }, 'the queue does not answer');
    const text = 'warn: the queue does not answer: no room';
    expect(readOutputLine(line)).toEqual({ kind: 'problem', text });
  });

  it('names handler, error and counts where events failed, and where to look', () => {
    const firstFailure = { handler: 'user_login', type: 'user_login', error: 'TypeError: no name' };
    const failures = [{ handler: 'user_login', type: 'user_login', events: 3 }];
    const fields = { events: 9, retried: 2, dead: 1, firstFailure, failures };
    logger.warn(fields, 'events of a lease failed');
    expect(readOutputLine(line).text).toBe(
      'warn: events of a lease failed (handler user_login, type user_login: 3; of 9: ' +
        '2 tried again later, 1 dead): user_login: TypeError: no name; see npm run queue -- dead list',
    );
    logger.warn({ handler: 'user_login', error: 'no name' }, 'a handler keeps failing');
    expect(readOutputLine(line).text).toBe('warn: a handler keeps failing (user_login: no name)');
  });

  it('is why the program ends when it is fatal; a cause in the message is not repeated', () => {
    logger.fatal({ err: new Error('no room') }, 'cannot start: no room');
    expect(readOutputLine(line)).toEqual({ kind: 'end', text: 'cannot start: no room' });
  });

  it('is shown as it is when it is no log line, without what would move the cursor', () => {
    expect(readOutputLine('Error: \u001b[2Jboom')).toEqual({
      kind: 'problem',
      text: 'Error: \\u001b[2Jboom',
    });
    expect(readOutputLine('{"level":')).toMatchObject({ kind: 'problem' });
    expect(readOutputLine('{"other":1}')).toMatchObject({ kind: 'problem' });
  });
});
