import {
  defineConfig,
  describeConfig,
  loadConfig,
  type ConfigDefinition,
  type ConfigOf,
} from './config';
import {
  checkedText,
  defaultPort,
  env,
  flag,
  integer,
  listenPort,
  oneOf,
  port,
  text,
} from './config-fields';
import { PipelineError } from './pipeline-error';

const fields = {
  port: env('APP_PORT', port(), { default: 50051, description: 'gRPC port' }),
  maxBytes: env('APP_MAX_BYTES', integer({ min: 1, max: 1_000 }), {
    default: 100,
    unit: 'bytes',
    description: 'Most bytes',
  }),
  level: env('APP_LEVEL', oneOf(['info', 'debug']), { default: 'info', description: 'Level' }),
  url: env('APP_URL', text(), { optional: true, description: 'Where' }),
  token: env('APP_TOKEN', text({ secret: true, maxLength: 8 }), {
    optional: true,
    description: 'Secret',
  }),
  owner: env('APP_OWNER', text(), { description: 'Whose it is' }),
};
const definition = defineConfig(fields);

/** The message of the error that the configuration is refused with. */
function refusal(environment: NodeJS.ProcessEnv, of: ConfigDefinition = definition): string {
  try {
    loadConfig(of, environment);
  } catch (error) {
    expect(error).toBeInstanceOf(PipelineError);
    expect((error as PipelineError).code).toBe('CONFIG_INVALID');
    return (error as PipelineError).message;
  }
  throw new Error('it was not refused');
}

describe('loadConfig', () => {
  it('gives unset variables their defaults', () => {
    const config: ConfigOf<typeof definition> = loadConfig(definition, { APP_OWNER: 'me' });
    expect(config).toEqual({
      port: 50051,
      maxBytes: 100,
      level: 'info',
      url: undefined,
      token: undefined,
      owner: 'me',
    });
  });

  it('reads what is set', () => {
    const config = loadConfig(definition, {
      APP_OWNER: 'me',
      APP_PORT: '0',
      APP_MAX_BYTES: '1000',
      APP_LEVEL: 'debug',
      APP_URL: 'redis://localhost',
    });
    const url: string | undefined = config.url;
    expect({ ...config, url }).toMatchObject({
      port: 0,
      maxBytes: 1_000,
      level: 'debug',
      url: 'redis://localhost',
    });
  });

  it('takes an empty or blank value as unset and drops blanks around a value', () => {
    const config = loadConfig(definition, {
      APP_OWNER: ' me\n',
      APP_PORT: '',
      APP_URL: '  ',
      APP_MAX_BYTES: ' 7 ',
    });
    expect(config).toMatchObject({ owner: 'me', port: 50051, url: undefined, maxBytes: 7 });
  });

  it('names every problem at once: variable, value given, form expected', () => {
    const lines = refusal({ APP_PORT: '70000', APP_MAX_BYTES: '1.5', APP_LEVEL: 'loud' }).split(
      '\n',
    );
    expect(lines).toEqual([
      'APP_PORT is "70000"; expected a port number from 0 to 65535 (0: any free port)',
      'APP_MAX_BYTES is "1.5"; expected a whole number from 1 to 1000 (bytes)',
      'APP_LEVEL is "loud"; expected one of info, debug',
      'APP_OWNER is not set; expected a text of at most 4096 characters without control characters',
    ]);
  });

  it('does not show the value of a secret, nor a password in a URL', () => {
    const message = refusal({
      APP_OWNER: 'redis://user:hunter2@host\u0007',
      APP_TOKEN: 'much-too-long-a-secret',
    });
    expect(message).not.toContain('much-too-long');
    expect(message).not.toContain('hunter2');
    expect(message).toContain('APP_TOKEN is (a secret, not shown)');
    expect(message).toContain('APP_OWNER is "redis://user:***@host\\u0007"');
  });

  it('says what is wrong with a value, and shows it, in the words of its own check', () => {
    const even = checkedText('an even length', {
      problemOf: (given) => (given.length % 2 === 0 ? undefined : 'it is odd; make it longer'),
      show: (given) => `${given.length} characters`,
    });
    const checked = defineConfig({
      even: env('APP_EVEN', even, { optional: true, description: '' }),
    });
    expect(loadConfig(checked, { APP_EVEN: 'ab' })).toEqual({ even: 'ab' });
    expect(refusal({ APP_EVEN: 'abc' }, checked)).toBe(
      'APP_EVEN is 3 characters: it is odd; make it longer',
    );
    expect(refusal({ APP_EVEN: 'a\u0007' }, checked)).toBe(
      'APP_EVEN is 2 characters; expected an even length',
    );
  });

  it('shows a hostile value in one short line', () => {
    const message = refusal({ APP_OWNER: 'me', APP_PORT: `1\n2\u001b[31m${'x'.repeat(10_000)}` });
    expect(message.split('\n')).toHaveLength(1);
    expect(message).toContain('"1\\n2\\u001b[31mxxx');
    expect(message.length).toBeLessThan(300);
  });

  it('reports what is wrong between values, once each is well-formed', () => {
    const check = jest.fn((config: { port: number; httpPort: number }) =>
      config.port === config.httpPort ? [`APP_PORT and APP_HTTP_PORT are both ${config.port}`] : [],
    );
    const checked = defineConfig(
      {
        port: env('APP_PORT', port(), { default: 1, description: '' }),
        httpPort: env('APP_HTTP_PORT', port(), { default: 2, description: '' }),
      },
      { check },
    );
    expect(loadConfig(checked, {})).toEqual({ port: 1, httpPort: 2 });
    expect(() => loadConfig(checked, { APP_PORT: '2' })).toThrow(
      expect.objectContaining({
        code: 'CONFIG_INVALID',
        message: 'APP_PORT and APP_HTTP_PORT are both 2',
      }),
    );
    check.mockClear();
    expect(() => loadConfig(checked, { APP_PORT: '2', APP_HTTP_PORT: 'x' })).toThrow(
      /^APP_HTTP_PORT is "x"/,
    );
    expect(check).not.toHaveBeenCalled();
  });

  it('knows whether a port to listen on was set, even to its default', () => {
    const http = defineConfig({
      http: env('APP_HTTP_PORT', listenPort(), { default: defaultPort(9101), description: '' }),
    });
    expect(loadConfig(http, {}).http).toEqual({ port: 9101, portIsDefault: true });
    expect(loadConfig(http, { APP_HTTP_PORT: '9101' }).http).toEqual({
      port: 9101,
      portIsDefault: false,
    });
  });

  it('reads fields that several definitions share', () => {
    const shared = { flag: env('APP_FLAG', flag(), { default: false, description: '' }) };
    const use = (config: ConfigOf<typeof shared>): boolean => config.flag;
    const program = defineConfig({ ...shared, ...fields });
    expect(use(loadConfig(program, { APP_OWNER: 'me', APP_FLAG: 'yes' }))).toBe(true);
  });
});

describe('defineConfig', () => {
  it('refuses a variable that is declared twice', () => {
    expect(() =>
      defineConfig({
        first: env('APP_PORT', port(), { default: 1, description: '' }),
        second: env('APP_PORT', port(), { default: 2, description: '' }),
      }),
    ).toThrow('APP_PORT is declared twice');
  });

  it('refuses a default that its own form refuses', () => {
    expect(() =>
      defineConfig({
        n: env('APP_N', integer({ min: 1, max: 5 }), { default: 6, description: '' }),
      }),
    ).toThrow('the default of APP_N is not a whole number from 1 to 5');
  });
});

describe('describeConfig', () => {
  it('describes every variable as a user would write it', () => {
    expect(describeConfig(definition).map((row) => [row.name, row.default, row.unit])).toEqual([
      ['APP_PORT', '50051', ''],
      ['APP_MAX_BYTES', '100', 'bytes'],
      ['APP_LEVEL', 'info', ''],
      ['APP_URL', '', ''],
      ['APP_TOKEN', '', ''],
      ['APP_OWNER', '(required)', ''],
    ]);
    expect(describeConfig(definition)[0]).toMatchObject({
      description: 'gRPC port',
      form: 'a port number from 0 to 65535 (0: any free port)',
    });
  });
});
