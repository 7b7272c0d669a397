import type { Place, SyntaxDiagnostic, Tree } from '../../tree.ts';
import { parseJson } from '../json/parse-json.ts';

/** Separator of URLs in a cell. A comma within a URL is not followed by another URL. */
const BETWEEN_URLS = /\s*[,;|]\s*(?=https?:\/\/)|\s+/i;

/**
 * Converts the text of a cell, or of `--set FIELD=TEXT`, to the type of its field. Invalid text stays text, which the
 * schema refuses.
 */
export function cellValue(field: string, text: string, place: Place, diagnostics: SyntaxDiagnostic[]): Tree {
  const word = text.trim();
  switch (field) {
    case 'prompt':
      return { place, value: text };
    case 'duration':
    case 'priority':
    case 'copies':
      return { place, value: /^[+-]?\d+(?:\.\d+)?$/.test(word) ? Number(word) : word };
    case 'sound':
      return { place, value: /^true$/i.test(word) ? true : /^false$/i.test(word) ? false : word };
    case 'image_files':
      if (!word.startsWith('[')) return { place, value: [{ place, value: word }] };
      return listOf(field, word, place, diagnostics);
    case 'image_urls':
      if (!word.startsWith('[')) {
        return { place, value: word.split(BETWEEN_URLS).map((url) => ({ place, value: url })) };
      }
      return listOf(field, word, place, diagnostics);
    default:
      return { place, value: word };
  }
}

function listOf(field: string, json: string, place: Place, diagnostics: SyntaxDiagnostic[]): Tree {
  const { tree, diagnostics: broken } = parseJson(json, () => place);
  diagnostics.push(...broken.map((diagnostic) => ({ ...diagnostic, field })));
  return tree ?? { place, value: [] };
}
