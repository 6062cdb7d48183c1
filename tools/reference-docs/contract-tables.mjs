import { code, table } from './markdown.mjs';

/**
 * The parts of docs/api.md: the contract in, Markdown out. A name of the contract in backticks, in a
 * comment, becomes a link to its section.
 */
export const CONTRACT_TABLES = {
  'contract-methods': ({ contract }) => {
    const show = markdownOf(contract);
    const methods = contract.services.flatMap((service) => service.methods);
    const rows = methods.map((method) => [
      show.name(method.name),
      kindOf(method),
      side(method.request, show),
      side(method.response, show),
      code(method.path),
    ]);
    return [
      ...contract.services.flatMap(({ comment }) => show.block(comment)),
      table(['Method', 'Kind', 'Request', 'Response', 'Path on the wire'], rows),
      ...methods.flatMap(({ name, comment }) => [`### ${name}`, ...show.block(comment)]),
    ].join('\n\n');
  },
  'contract-messages': ({ contract }) => {
    const show = markdownOf(contract);
    return contract.messages
      .flatMap(({ name, comment, fields }) => {
        const rows = fields.map((field) => [
          code(field.name),
          String(field.number),
          typeOf(field, show),
          code(field.jsonName),
          show.line(field.comment),
        ]);
        const head = ['Field', 'Number', 'Type', 'JSON name', 'Meaning'];
        return [`### ${name}`, ...show.block(comment), table(head, rows)];
      })
      .join('\n\n');
  },
  'contract-enums': ({ contract }) => {
    const show = markdownOf(contract);
    return contract.enums
      .flatMap(({ name, comment, values }) => {
        const rows = values.map((value) => [
          code(value.name),
          String(value.number),
          show.line(value.comment),
        ]);
        return [`### ${name}`, ...show.block(comment), table(['Value', 'Number', 'Meaning'], rows)];
      })
      .join('\n\n');
  },
};

/** How names and comments of this contract are written. */
function markdownOf({ services, messages, enums }) {
  const methods = services.flatMap((service) => service.methods);
  const sections = new Set([...methods, ...messages, ...enums].map(({ name }) => name));
  const name = (text) =>
    sections.has(text) ? `[${code(text)}](#${text.toLowerCase()})` : code(text);
  const linked = (text) => text.replace(/`([^`]+)`/g, (_, quoted) => name(quoted));
  return {
    name,
    block: (comment) => comment.map(linked),
    line: (comment) => linked(comment.join(' ').replaceAll('\n', ' ')),
  };
}

function kindOf({ request, response }) {
  if (request.stream && response.stream) return 'bidirectional streaming';
  if (request.stream) return 'client streaming';
  return response.stream ? 'server streaming' : 'unary';
}

function side({ type, stream }, show) {
  return `${stream ? 'stream of ' : ''}${show.name(type)}`;
}

function typeOf({ type, repeated, map }, show) {
  if (map) return code(`map<${map.join(', ')}>`);
  return `${repeated ? 'repeated ' : ''}${show.name(type)}`;
}
