import { z } from 'zod';

/** The form of one variable: how its text becomes a value. Made by the functions below. */
export interface FieldType<T> {
  readonly schema: z.ZodType<T, string>;
  /** The form in words, as it follows "expected": "a whole number from 1 to 100". */
  readonly form: string;
  /** True for what must not appear in a message or a log. */
  readonly secret: boolean;
  /** The value as a user would write it. */
  print(value: T): string;
  /** What is wrong with a text and what is expected, where more can be said than the form. */
  problemOf?(given: string): string | undefined;
  /** A wrong text as a message can bear it, where it needs more care than {@link shownValue}. */
  show?(given: string): string;
}

/** One environment variable of a program. Made by {@link env}. */
export interface EnvVariable<T> {
  readonly name: string;
  readonly type: FieldType<unknown>;
  /** Undefined when the variable has none: see `required`. */
  readonly defaultValue: T | undefined;
  readonly required: boolean;
  readonly description: string;
  /** Unit of the value, e.g. "ms"; empty where there is none. */
  readonly unit: string;
}

interface Described {
  readonly description: string;
  readonly unit?: string;
}

/**
 * Declares an environment variable. With a default it always has a value; with `optional: true` it
 * may be undefined; with neither it must be set.
 */
export function env<T>(
  name: string,
  type: FieldType<T>,
  options: Described & { readonly default: NoInfer<T> },
): EnvVariable<T>;
export function env<T>(
  name: string,
  type: FieldType<T>,
  options: Described & { readonly optional: true },
): EnvVariable<T | undefined>;
export function env<T>(name: string, type: FieldType<T>, options: Described): EnvVariable<T>;
export function env<T>(
  name: string,
  type: FieldType<T>,
  options: Described & { readonly default?: T; readonly optional?: true },
): EnvVariable<T | undefined> {
  return {
    name,
    type: type as FieldType<unknown>,
    defaultValue: options.default,
    required: options.default === undefined && options.optional !== true,
    description: options.description,
    unit: options.unit ?? '',
  };
}

function fieldType<T>(
  form: string,
  schema: z.ZodType<T, string>,
  print: (value: T) => string = String,
  secret = false,
): FieldType<T> {
  return { form, schema, print, secret };
}

const wholeNumber = z
  .string()
  .regex(/^-?\d{1,16}$/)
  .transform(Number);

/** A whole number from `min` to `max`, both included; plain digits. */
export function integer(range: { readonly min: number; readonly max: number }): FieldType<number> {
  return fieldType(
    `a whole number from ${range.min} to ${range.max}`,
    wholeNumber.pipe(z.number().int().min(range.min).max(range.max)),
  );
}

/** A number from 0 to 1, in plain digits. */
export function ratio(): FieldType<number> {
  const plain = z.string().regex(/^\d{1,16}(\.\d{1,16})?$/);
  return fieldType(
    'a number from 0 to 1, like 0.25',
    plain.transform(Number).pipe(z.number().min(0).max(1)),
  );
}

/** A TCP port; 0 lets the system choose a free one. */
export function port(): FieldType<number> {
  return fieldType(
    'a port number from 0 to 65535 (0: any free port)',
    wholeNumber.pipe(z.number().int().min(0).max(65_535)),
  );
}

/** A port to listen on, and whether the user chose it: see {@link listenPort}. */
export interface ListenPort {
  readonly port: number;
  /** True for a default: where it is taken, another port may be used instead. */
  readonly portIsDefault: boolean;
}

/** A TCP port that knows whether it was set. Its default is made by {@link defaultPort}. */
export function listenPort(): FieldType<ListenPort> {
  const { schema, form } = port();
  return fieldType(
    form,
    schema.transform((value) => ({ port: value, portIsDefault: false })),
    (value) => String(value.port),
  );
}

/** The default of a {@link listenPort}: where it is taken, a free port is used instead. */
export function defaultPort(value: number): ListenPort {
  return { port: value, portIsDefault: true };
}

/** A text of 1 to `maxLength` characters. Blanks at its ends are dropped, as in every variable. */
export function text(
  options: { readonly maxLength?: number; readonly secret?: boolean } = {},
): FieldType<string> {
  const { maxLength = 4_096, secret = false } = options;
  return fieldType(
    `a text of at most ${maxLength} characters without control characters`,
    z
      .string()
      .min(1)
      .max(maxLength)
      .regex(/^\P{Cc}*$/u),
    String,
    secret,
  );
}

/**
 * A text that has to pass a check.
 *
 * @param form as it follows "expected"
 * @param check.problemOf what is wrong with a text and what is expected; undefined where nothing is
 * @param check.show a wrong text as a message can bear it: quoted, bounded, without secrets
 */
export function checkedText(
  form: string,
  check: {
    problemOf(given: string): string | undefined;
    show(given: string): string;
  },
): FieldType<string> {
  const schema = text().schema.refine((value) => check.problemOf(value) === undefined);
  return { ...fieldType(form, schema), ...check };
}

/** One of a closed list of words, in whatever case it is written. */
export function oneOf<const T extends string>(values: readonly T[]): FieldType<T> {
  const lower = z.string().transform((value) => value.toLowerCase());
  return fieldType(
    `one of ${values.join(', ')}`,
    lower.transform((value, context) => {
      const found = values.find((candidate) => candidate.toLowerCase() === value);
      if (found !== undefined) return found;
      context.addIssue({ code: 'custom', message: 'not in the list' });
      return z.NEVER;
    }),
  );
}

const FLAG_WORDS: Readonly<Record<string, boolean>> = {
  true: true,
  '1': true,
  yes: true,
  on: true,
  false: false,
  '0': false,
  no: false,
  off: false,
};

/** On or off. */
export function flag(): FieldType<boolean> {
  return fieldType(
    'true or false',
    oneOf(Object.keys(FLAG_WORDS)).schema.transform((word) => FLAG_WORDS[word] === true),
  );
}
