/**
 * Whether a text is JSON that every database stores. PostgreSQL's jsonb refuses the escapes of
 * U+0000 and of lone surrogates, which JSON itself allows.
 *
 * @returns what is wrong, for people; undefined when nothing is.
 */
export function problemOfJson(text: string): string | undefined {
  try {
    JSON.parse(text);
  } catch {
    return 'data is not valid JSON (say so in data_content_type if it is something else)';
  }
  return text.includes('\\u') ? problemOfEscapes(text) : undefined;
}

/** Expects valid JSON, so every backslash begins a complete escape. */
function problemOfEscapes(text: string): string | undefined {
  for (let at = text.indexOf('\\'); at !== -1; at = text.indexOf('\\', at)) {
    if (text[at + 1] !== 'u') {
      at += 2;
      continue;
    }
    const unit = Number.parseInt(text.slice(at + 2, at + 6), 16);
    if (unit === 0) return 'data contains U+0000';
    const isHigh = unit >= 0xd800 && unit <= 0xdbff;
    const isLow = unit >= 0xdc00 && unit <= 0xdfff;
    if (isLow) return 'data contains a lone surrogate';
    if (isHigh && !/^\\u[dD][c-fC-F][0-9a-fA-F]{2}/.test(text.slice(at + 6, at + 12))) {
      return 'data contains a lone surrogate';
    }
    at += isHigh ? 12 : 6;
  }
  return undefined;
}
