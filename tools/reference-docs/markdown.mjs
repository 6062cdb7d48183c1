export function table(head, rows) {
  const line = (cells) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

export function code(text) {
  return `\`${text}\``;
}

/** With a capital letter, unless it begins with a URL. */
export function sentence(text) {
  if (/^[\w+]+:\/\//.test(text)) return text;
  return text.charAt(0).toUpperCase() + text.slice(1);
}
