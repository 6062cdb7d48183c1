import { z } from 'zod';
import { PipelineError } from '@event-pipeline/runtime';

/** A principal as the file has it. See docs/authentication.md. */
export interface PrincipalEntry {
  readonly name: string;
  readonly tokens: readonly { readonly sha256: string; readonly expiresAt?: number | undefined }[];
  readonly jwtSubjects: readonly string[];
  /** `CN=name` or `URI=uri` of a client certificate. */
  readonly certificates: readonly string[];
  readonly eventTypes: readonly string[];
  readonly quota?: QuotaEntry | undefined;
}

/** Undefined: as many as come. */
export interface QuotaEntry {
  readonly eventsPerSecond?: number | undefined;
  readonly bytesPerSecond?: number | undefined;
}

const MAX_PRINCIPALS = 10_000;
const MAX_CREDENTIALS = 100;
const MAX_EVENT_TYPES = 1_000;
const MAX_SHOWN_PROBLEMS = 20;

const instant = z
  .string()
  .regex(
    /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/,
    'expected a time, like 2027-01-31T00:00:00Z',
  )
  .transform((text) => Date.parse(text))
  .refine(Number.isFinite, 'expected a time that there is');

const rate = z.number('expected a number').positive('expected a number above 0').max(1e12);

const principal = z.strictObject({
  name: z
    .string('expected a text')
    .regex(
      /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/,
      'expected 1 to 64 letters, digits, "_", "." or "-"',
    ),
  tokens: z
    .array(
      z.strictObject({
        sha256: z
          .string('expected a text')
          .regex(/^[0-9a-f]{64}$/i, 'expected the SHA-256 of a token, 64 hexadecimal digits')
          .transform((text) => text.toLowerCase()),
        expiresAt: instant.optional(),
      }),
    )
    .max(MAX_CREDENTIALS)
    .default([]),
  jwtSubjects: z.array(z.string().min(1).max(1_024)).max(MAX_CREDENTIALS).default([]),
  certificates: z
    .array(
      z
        .string()
        .max(1_024)
        .regex(/^(CN|URI)=./, 'expected CN=… or URI=…'),
    )
    .max(MAX_CREDENTIALS)
    .default([]),
  eventTypes: z
    .array(
      z
        .string()
        .regex(
          /^(\*|[A-Za-z][A-Za-z0-9_.-]{0,127}\*?)$/,
          'expected a type of events, the beginning of one with "*" behind it, or "*"',
        ),
      'expected a list of types of events; ["*"] allows all',
    )
    .min(1, 'expected a type at least; ["*"] allows all')
    .max(MAX_EVENT_TYPES),
  quota: z
    .strictObject({ eventsPerSecond: rate.optional(), bytesPerSecond: rate.optional() })
    .optional(),
});

const file = z.strictObject({
  principals: z.array(principal, 'expected a list').max(MAX_PRINCIPALS),
});

/**
 * Reads the file of principals.
 *
 * @throws PipelineError CONFIG_INVALID that names every problem, a line each, and repeats no value:
 *   a token may stand where its digest should
 */
export function parsePrincipals(text: string, path: string): readonly PrincipalEntry[] {
  let given: unknown;
  try {
    given = JSON.parse(text);
  } catch {
    // The parser's own words would show what stands there.
    throw invalid(path, ['is not JSON']);
  }
  const parsed = file.safeParse(given);
  if (!parsed.success) {
    throw invalid(
      path,
      parsed.error.issues.map((issue) => `${placeOf(issue.path)}${problemOf(issue)}`),
    );
  }
  const { principals } = parsed.data;
  const repeated = repetitionsIn(principals);
  if (repeated.length > 0) throw invalid(path, repeated);
  return principals;
}

function problemOf(issue: { readonly code?: string; readonly message: string }): string {
  // Its own words would show a name that may be a token in the wrong place.
  return issue.code === 'unrecognized_keys' ? 'has a member that is not known' : issue.message;
}

function placeOf(path: readonly PropertyKey[]): string {
  const place = path.map((key) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`));
  return path.length === 0 ? '' : `${place.join('').slice(1)}: `;
}

/** What proves who somebody is must not prove somebody else as well. */
function repetitionsIn(principals: readonly PrincipalEntry[]): string[] {
  const seen = new Map<string, string>();
  const problems: string[] = [];
  const note = (kind: string, value: string, place: string) => {
    const before = seen.get(`${kind} ${value}`);
    if (before !== undefined) problems.push(`${place}: the same ${kind} as ${before}`);
    else seen.set(`${kind} ${value}`, place);
  };
  principals.forEach(({ name, tokens, jwtSubjects, certificates }, at) => {
    const place = `principals[${at}]`;
    note('name', name, `${place}.name`);
    tokens.forEach(({ sha256 }, i) => note('token', sha256, `${place}.tokens[${i}]`));
    jwtSubjects.forEach((subject, i) => note('subject', subject, `${place}.jwtSubjects[${i}]`));
    certificates.forEach((each, i) => note('certificate', each, `${place}.certificates[${i}]`));
  });
  return problems;
}

function invalid(path: string, problems: readonly string[]): PipelineError {
  const shown = problems.slice(0, MAX_SHOWN_PROBLEMS).map((each) => `${path}: ${each}`);
  if (problems.length > shown.length) {
    shown.push(`${path}: ${problems.length - shown.length} more problems`);
  }
  return new PipelineError('CONFIG_INVALID', shown.join('\n'));
}
