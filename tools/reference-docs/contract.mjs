import { execFileSync } from 'node:child_process';
import process from 'node:process';
import { inWorkspace, root } from '../workspace/paths.mjs';

const BUF = inWorkspace('node_modules/@bufbuild/buf/bin/buf');
const CONTRACT = 'proto/event';

/** Numbers of descriptor.proto: a comment is found by the path of numbers that leads to it. */
const MESSAGES = 4;
const ENUMS = 5;
const SERVICES = 6;
/** Fields of a message, values of an enum, methods of a service. */
const PARTS = 2;

/**
 * The contract with the comments of its proto file, as buf compiles it. Each comment is a list of
 * paragraphs. Throws for whatever has no comment, and for what docs/api.md could not show.
 */
export function readContract() {
  const { file: files } = JSON.parse(
    execFileSync(process.execPath, [BUF, 'build', '--path', CONTRACT, '-o', '-#format=json'], {
      cwd: root,
      encoding: 'utf8',
      maxBuffer: 2 ** 26,
      stdio: ['ignore', 'pipe', 'inherit'],
    }),
  );
  const contracts = files.filter(({ bufExtension }) => !bufExtension?.isImport);
  if (contracts.length !== 1) throw new Error(`${CONTRACT} has more than one file`);
  return describeFile(contracts[0]);
}

function describeFile(file) {
  const comments = new Map(
    file.sourceCodeInfo.location.map(({ path = [], leadingComments }) => [
      path.join(),
      leadingComments,
    ]),
  );
  const commentOf = (name, ...path) => {
    const comment = paragraphs(comments.get(path.join()) ?? '');
    if (comment.length === 0) throw new Error(`${name} has no comment in ${file.name}`);
    return comment;
  };
  /** Each part with its comment; `describe` says what else is told of it. */
  const describeAll = (parts, owner, path, describe) =>
    (parts ?? []).map((part, index) => ({
      name: part.name,
      comment: commentOf([owner, part.name].join('.'), ...path, index),
      ...describe(part, [...path, index]),
    }));

  return {
    services: describeAll(file.service, file.package, [SERVICES], (service, path) => ({
      methods: describeAll(service.method, service.name, [...path, PARTS], (method) => ({
        path: `/${file.package}.${service.name}/${method.name}`,
        request: { type: localName(method.inputType), stream: method.clientStreaming ?? false },
        response: { type: localName(method.outputType), stream: method.serverStreaming ?? false },
      })),
    })),
    messages: describeAll(file.messageType, file.package, [MESSAGES], (message, path) => {
      refuseUnknown(message);
      return {
        fields: describeAll(message.field, message.name, [...path, PARTS], (field) => ({
          number: field.number,
          jsonName: field.jsonName,
          ...describeType(field, message.nestedType ?? []),
        })),
      };
    }),
    enums: describeAll(file.enumType, file.package, [ENUMS], (it, path) => ({
      values: describeAll(it.value, it.name, [...path, PARTS], ({ number }) => ({
        number: number ?? 0,
      })),
    })),
  };
}

/** What the contract does not use, the document has no form for: better no document than half of one. */
function refuseUnknown({ name, nestedType = [], enumType = [], oneofDecl = [] }) {
  const unknown = [...nestedType.filter(({ options }) => !options?.mapEntry), ...enumType];
  if (unknown.length + oneofDecl.length === 0) return;
  throw new Error(`${name} has nested types or a oneof: teach tools/reference-docs to show them`);
}

/** `{ type, repeated }`, or `{ map: [key, value] }`. */
function describeType(field, nestedTypes) {
  const type = field.typeName ? localName(field.typeName) : scalarName(field);
  const entry = nestedTypes.find(({ name }) => field.typeName?.endsWith(`.${name}`));
  if (entry) return { map: entry.field.map((it) => describeType(it, []).type) };
  return { type, repeated: field.label === 'LABEL_REPEATED' };
}

const scalarName = ({ type }) => type.replace('TYPE_', '').toLowerCase();

/** ".event.Event" is "Event". */
const localName = (name) => name.split('.').at(-1);

function paragraphs(comment) {
  const lines = comment.split('\n').map((line) => line.trim());
  return lines
    .filter((line) => !line.startsWith('buf:lint:ignore'))
    .join('\n')
    .split(/\n{2,}/)
    .map((paragraph) => paragraph.trim())
    .filter((paragraph) => paragraph !== '');
}
