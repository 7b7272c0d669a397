import { formatCount } from '../core/format.ts';
import { MAX_TEMPLATE } from './size-limits.ts';
import { quote } from './messages.ts';

/** A parsed text with variables: literal parts are strings, variables are `{ name }`. */
export type Template = readonly (string | { readonly name: string })[];

/** The variables of every output name. A matrix cannot define variables with these names. */
export const builtIns = ['batch', 'id', 'index', 'mode', 'duration', 'aspect_ratio', 'date'] as const;

const IDENTIFIER = /^[A-Za-z_]\w*$/;
const MARK = /\{\{|\}\}|\{([A-Za-z_]\w*)\}/g;

export function isVariableName(text: string): boolean {
  return IDENTIFIER.test(text);
}

/** Parses a template: `{name}` is a variable, `{{` and `}}` are braces, any other brace is literal. */
export function parseTemplate(text: string): Template {
  const parts: (string | { name: string })[] = [];
  let end = 0;
  let literal = '';
  for (const match of text.matchAll(MARK)) {
    literal += text.slice(end, match.index);
    end = match.index + match[0].length;
    const name = match[1];
    if (name === undefined) literal += match[0].slice(1);
    else {
      if (literal !== '') parts.push(literal);
      literal = '';
      parts.push({ name });
    }
  }
  literal += text.slice(end);
  if (literal !== '') parts.push(literal);
  return parts;
}

/** Pattern of one literal character of a template, for the JSON Schemas. */
export const LITERAL_PATTERN = '(?:\\{\\{|\\}\\}|[^{}]|\\{(?!\\{|[A-Za-z_]\\w*\\})|\\}(?!\\}))';

const PAIRED_PATTERN = '[^{}]|\\{\\{|\\}\\}';

/** Pattern of a name template, for the JSON Schemas: each brace is doubled or belongs to a variable. */
export const NAME_TEMPLATE_PATTERN = `^(?:${PAIRED_PATTERN}|\\{[A-Za-z_]\\w*\\})*$`;

/** Returns the pattern of a name template with these variables only, for the JSON Schemas. */
export function variablesPattern(names: readonly string[]): string {
  return `^(?:${PAIRED_PATTERN}|\\{(?:${names.join('|')})\\})*$`;
}

/** Returns the fault in the braces of a name template. A single brace is most likely a mistake. */
export function braceFault(text: string): string | undefined {
  const brace = /[{}]/.exec(text.replace(MARK, ''))?.[0];
  if (brace === undefined) return undefined;
  return `has a single "${brace}": a variable is written {id}, a literal brace ${brace}${brace}`;
}

/** Returns the fault of a template that is too long. The limit bounds the work per clip. */
export function lengthFault(text: string): string | undefined {
  if (text.length <= MAX_TEMPLATE) return undefined;
  const characters = Array.from(text).length;
  if (characters <= MAX_TEMPLATE) return undefined;
  return `has ${formatCount(characters)} characters; at most ${formatCount(MAX_TEMPLATE)} are allowed`;
}

export function variablesOf(template: Template): string[] {
  return template.flatMap((part) => (typeof part === 'string' ? [] : [part.name]));
}

/** Replaces variables by their values. A variable without a value stays as written. */
export function render(template: Template, values: (name: string) => string | undefined): string {
  let text = '';
  for (const part of template) text += typeof part === 'string' ? part : (values(part.name) ?? `{${part.name}}`);
  return text;
}

/** Returns the fault in the variables of a template, or `undefined`. */
export function unknownVariable(template: Template, known: readonly string[]): string | undefined {
  const unknown = template.find((part) => typeof part !== 'string' && !known.includes(part.name));
  if (unknown === undefined || typeof unknown === 'string') return undefined;
  const { name } = unknown;
  const cure = `for literal braces, write {{${name}}}`;
  if (known.length === 0) return `no variable ${quote(name)}: the job has no matrix; ${cure}`;
  return `no variable ${quote(name)}: known variables are ${known.join(', ')}; ${cure}`;
}
