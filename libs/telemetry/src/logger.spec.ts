import fc from 'fast-check';
import { PipelineError, defineConfig, loadConfig } from '@event-pipeline/runtime';
import { createLogger, createProgramLogger } from './logger';
import { loggingConfigFields, type LogLevel } from './logging-config';
import { createLogSink } from './testing';
import { SimulatedClock } from '@event-pipeline/runtime/testing';

/** Any character, and often one that a terminal or a reader of lines acts on. */
const hostileCharacter = fc.oneof(
  fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
  fc.constantFrom(
    '\n',
    '\r',
    '\t',
    '\u0000',
    '\u001b',
    '\u007f',
    '\u0085',
    '\u009b',
    '\u2028',
    '\u202e',
  ),
);

describe('a logger', () => {
  it('writes level, time, program, process, fields and message in one JSON line', () => {
    const { logger, lines, text } = logged(({ logger }) =>
      logger.info({ partition: 3 }, 'leased a batch'),
    );
    expect(text).toMatch(/^\{.*\}\n$/);
    expect(lines).toEqual([
      {
        level: 'info',
        time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
        name: 'test',
        pid: process.pid,
        partition: 3,
        msg: 'leased a batch',
      },
    ]);
    expect(logger.isDebug()).toBe(true);
  });

  it('writes only what its level lets through', () => {
    const sink = createLogSink('warn');
    const { logger } = sink;
    logger.debug({}, 'debug');
    logger.info({}, 'info');
    logger.warn({}, 'warn');
    logger.error({}, 'error');
    logger.fatal({}, 'fatal');
    expect(sink.messages).toEqual(['warn', 'error', 'fatal']);
    expect(logger.isDebug()).toBe(false);
  });

  it('writes nothing when it is silent', () => {
    const sink = createLogSink('silent');
    sink.logger.fatal({}, 'fatal');
    expect(sink.text).toBe('');
  });

  it('does not look into the fields of a line that is not written', () => {
    const sink = createLogSink('info');
    const look = jest.fn(() => 'a costly text');
    const fields = Object.defineProperty({}, 'costly', { enumerable: true, get: look });
    sink.logger.debug(fields, 'debug');
    expect(look).not.toHaveBeenCalled();
    sink.logger.info(fields, 'info');
    expect(look).toHaveBeenCalled();
  });

  it('gives a child the fields of its parent and its own', () => {
    const { lines } = logged(({ logger }) =>
      logger.child({ worker: 1 }).child({ lease: 'a' }).warn({ events: 2 }, 'lost'),
    );
    expect(lines[0]).toMatchObject({ worker: 1, lease: 'a', events: 2, msg: 'lost' });
  });

  it('writes errors with code and cause', () => {
    const err = new PipelineError('QUEUE_FULL', 'full', { cause: new Error('no room') });
    const { lines } = logged(({ logger }) => logger.error({ err }, 'enqueue failed'));
    expect(lines[0]).toMatchObject({
      err: { type: 'PipelineError', code: 'QUEUE_FULL', cause: { message: 'no room' } },
    });
  });

  it('takes a message as it is: no format signs, at most 1,024 characters', () => {
    const { messages } = logged(({ logger }) => {
      logger.info({ a: 1 }, '100 %s of %d %j %%');
      logger.info({}, 'x'.repeat(5_000));
    });
    expect(messages).toEqual(['100 %s of %d %j %%', `${'x'.repeat(1_024)}…`]);
  });

  it('does not fail for fields that hide what objects are made of', () => {
    const { lines } = logged(({ logger }) => {
      const hostile = { hasOwnProperty: 'x', toJSON: 'x', constructor: 'x' };
      logger.info(hostile, 'direct');
      logger.child(hostile).info({}, 'by a child');
      logger.info(JSON.parse('{"__proto__": "x"}') as object, 'prototype');
    });
    expect(lines.map(({ msg }) => msg)).toEqual(['direct', 'by a child', 'prototype']);
  });

  it('does not fail when its destination does', () => {
    const logger = createLogger({
      name: 'test',
      level: 'info',
      format: 'json',
      destination: {
        write: () => {
          throw new Error('disk full');
        },
      },
    });
    expect(() => logger.info({}, 'lost')).not.toThrow();
  });

  it('flushes its destination', () => {
    const sink = createLogSink();
    sink.logger.child({}).flush();
    expect(sink.flushes).toBe(1);
  });

  it('puts whatever it is given into one printable line of JSON that means the same', () => {
    const hostile = fc.string({ unit: hostileCharacter, maxLength: 200 });
    fc.assert(
      fc.property(hostile, hostile, hostile, (name, value, message) => {
        const field = `field-${name}`;
        const { text, lines } = logged(({ logger }) => logger.info({ [field]: value }, message));
        expect(text.slice(0, -1)).not.toMatch(/[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/u);
        expect(text.endsWith('\n')).toBe(true);
        expect(lines).toHaveLength(1);
        if (!value.includes('://')) {
          expect(lines[0]).toMatchObject({ [field]: value, msg: message });
        }
      }),
    );
  });
});

describe('the level of a logger', () => {
  const toggled = (level: LogLevel) => {
    const { destination, ...sink } = sinkFor();
    const logger = createLogger({ name: 'test', level, format: 'json', destination });
    return { logger, sink };
  };

  it('is changed for it and its children, and back, and said each time', () => {
    const { logger, sink } = toggled('info');
    const child = logger.child({ lease: 'a' });
    const tryBoth = () => {
      logger.debug({}, 'own');
      child.debug({}, 'of a child');
    };
    tryBoth();
    expect([logger.isDebug(), child.isDebug(), logger.level]).toEqual([false, false, 'info']);
    logger.toggleLevel();
    tryBoth();
    expect([logger.isDebug(), child.isDebug(), logger.level]).toEqual([true, true, 'debug']);
    logger.toggleLevel();
    tryBoth();
    const changed = 'the log level was changed';
    expect(sink.messages()).toEqual([changed, 'own', 'of a child', changed]);
  });

  it.each([
    ['silent', 'debug'],
    ['error', 'debug'],
    ['debug', 'info'],
    ['trace', 'info'],
  ] as const)('%s becomes %s', (level, other) => {
    const { logger, sink } = toggled(level);
    logger.toggleLevel();
    expect(logger.level).toBe(other);
    logger.toggleLevel();
    expect(logger.level).toBe(level);
    // Even where nothing else would be written.
    expect(sink.lines().map(({ logLevel }) => logLevel)).toEqual([other, level]);
  });
});

describe('a warning that comes in crowds', () => {
  it('is written 60 times a minute, by all children together; then the next says how many were not', async () => {
    const clock = new SimulatedClock();
    const { destination, lines } = sinkFor();
    const logger = createLogger({ name: 'a', level: 'info', format: 'json', destination, clock });
    for (let i = 0; i < 500; i++) {
      logger.child({ i }).warn({ i }, 'lost');
      logger.info({ i }, 'done');
    }
    const lost = () => lines().filter(({ msg }) => msg === 'lost');
    expect(lost()).toHaveLength(60);
    expect(lines()).toHaveLength(560);
    await clock.advance(60_000);
    logger.warn({}, 'lost');
    expect(lost().at(-1)).toMatchObject({ keptBack: 440 });
  });
});

describe('the pretty format', () => {
  it('is for people: time of day, level, program, message, fields', () => {
    expect(pretty({ partition: 3 }, 'leased a batch')).toMatch(
      /^\[\d\d:\d\d:\d\d\.\d{3}\] INFO \(test\): leased a batch \{"partition":3\}\n$/,
    );
  });

  it('keeps hostile text in its line, escaped', () => {
    const text = pretty(
      { 'na\nme': 'va\r\nlue\u001b[2J', nested: { list: ['\u009b1m\u202e'] } },
      'mess\nage \u001b[31m',
    );
    expect(text).toContain('mess\\nage \\u001b[31m');
    expect(text).toContain('"na\\nme":"va\\r\\nlue\\u001b[2J"');
    expect(text).toContain('\\u009b1m\\u202e');
    expect(text.split('\n')).toHaveLength(2);
  });

  it('shows an error with its frames and causes, and nothing of a message outside its line', () => {
    const cause = new Error('inner\n[00:00:00.000] FATAL (test): forged');
    const err = new PipelineError('INTERNAL', 'outer\nforged', { cause });
    const lines = pretty({ err, a: 1 }, 'failed').trimEnd().split('\n');
    expect(lines[0]).toMatch(/INFO \(test\): failed \{"a":1\}$/);
    expect(lines[1]).toBe('    err: PipelineError INTERNAL: outer\\nforged');
    expect(lines[2]).toMatch(/^ +at .*logger\.spec/);
    expect(lines.filter((line) => line.includes('forged'))).toEqual([
      lines[1],
      expect.stringMatching(/^ +caused by Error: inner\\n\[00:00:00\.000\] FATAL/),
    ]);
  });

  it('shows an error field that is none', () => {
    expect(pretty({ err: { a: '\n' } }, 'odd')).toContain('err: {"a":');
    expect(pretty({ err: 'text' }, 'odd')).toContain('err: "text"');
  });

  it('never shows a control character that it did not put there', () => {
    const hostile = fc.string({ unit: hostileCharacter, maxLength: 100 });
    fc.assert(
      fc.property(hostile, hostile, hostile, (name, value, message) => {
        const text = pretty({ [name]: value, deep: [{ [value]: name }] }, message);
        expect(text.slice(0, -1)).not.toMatch(/[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/u);
      }),
    );
  });

  it('is what "auto" means on a terminal, and JSON elsewhere', () => {
    const write = (isTTY: boolean) => {
      let text = '';
      const destination = { isTTY, write: (part: string) => void (text += part) };
      createLogger({ name: 'test', level: 'info', format: 'auto', destination }).info({}, 'hello');
      return text;
    };
    expect(write(false)).toMatch(/^\{/);
    expect(write(true)).toContain('INFO');
    expect(write(true)).not.toMatch(/^\{/);
  });
});

describe('createProgramLogger', () => {
  it('is as LOG_LEVEL and LOG_FORMAT have it', () => {
    const definition = defineConfig(loggingConfigFields);
    const config = loadConfig(definition, { LOG_LEVEL: 'DEBUG', LOG_FORMAT: 'json' });
    expect(config).toEqual({ logLevel: 'debug', logFormat: 'json' });
    expect(createProgramLogger('app', config).isDebug()).toBe(true);
    expect(createProgramLogger('app', loadConfig(definition, {})).isDebug()).toBe(false);
  });
});

/** Keeps lines of JSON. */
function sinkFor() {
  const written: string[] = [];
  const lines = () => written.map((line) => JSON.parse(line) as Record<string, unknown>);
  return {
    destination: { write: (line: string) => void written.push(line) },
    lines,
    messages: () => lines().map(({ msg }) => msg),
  };
}

/** A sink after something was logged into it. */
function logged(log: (sink: ReturnType<typeof createLogSink>) => void) {
  const sink = createLogSink();
  log(sink);
  return sink;
}

function pretty(fields: object, message: string): string {
  let text = '';
  const destination = { write: (part: string) => void (text += part) };
  createLogger({ name: 'test', level: 'info', format: 'pretty', destination }).info(
    fields,
    message,
  );
  return text;
}
