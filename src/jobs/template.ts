import { MAX_TEMPLATE } from './limits.ts';
import { quote } from './messages.ts';

/** A text with variables: literal parts as strings, variables as `{ name }`. */
export type Template = readonly (string | { readonly name: string })[];

/** The variables that every output name may have; a matrix may not use their names for its own. */
export const builtIns = ['batch', 'id', 'index', 'mode', 'duration', 'aspect_ratio', 'date'] as const;

const IDENTIFIER = /^[A-Za-z_]\w*$/;
const MARK = /\{\{|\}\}|\{([A-Za-z_]\w*)\}/g;

export function isVariableName(text: string): boolean {
  return IDENTIFIER.test(text);
}

/** `{name}` is a variable, `{{` and `}}` are braces; any other brace stands for itself. */
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

/** Pattern of one character of a template that is no part of a variable, for the JSON Schemas. */
export const LITERAL_PATTERN = '(?:\\{\\{|\\}\\}|[^{}]|\\{(?!\\{|[A-Za-z_]\\w*\\})|\\}(?!\\}))';

const PAIRED_PATTERN = '[^{}]|\\{\\{|\\}\\}';

/** Pattern of the template of a name, for the JSON Schemas: each brace is doubled or belongs to a variable. */
export const NAME_TEMPLATE_PATTERN = `^(?:${PAIRED_PATTERN}|\\{[A-Za-z_]\\w*\\})*$`;

/** Pattern of the template of a name that has variables of these names only, for the JSON Schemas. */
export function variablesPattern(names: readonly string[]): string {
  return `^(?:${PAIRED_PATTERN}|\\{(?:${names.join('|')})\\})*$`;
}

/** Returns what is wrong with the braces of the template of a name: a single one is hardly ever meant as such. */
export function braceFault(text: string): string | undefined {
  const brace = /[{}]/.exec(text.replace(MARK, ''))?.[0];
  if (brace === undefined) return undefined;
  return `has a single "${brace}": a variable is written {id}, and a brace as such ${brace}${brace}`;
}

/** Returns what is wrong with the length of a template: what is done for each job stays in proportion to the job. */
export function lengthFault(text: string): string | undefined {
  if (text.length <= MAX_TEMPLATE) return undefined;
  const characters = Array.from(text).length;
  if (characters <= MAX_TEMPLATE) return undefined;
  return `has ${characters.toLocaleString('en')} characters, ${MAX_TEMPLATE.toLocaleString('en')} at most`;
}

export function variablesOf(template: Template): string[] {
  return template.flatMap((part) => (typeof part === 'string' ? [] : [part.name]));
}

/** Puts values in; a variable without one stays as it was written. */
export function render(template: Template, values: (name: string) => string | undefined): string {
  let text = '';
  for (const part of template) text += typeof part === 'string' ? part : (values(part.name) ?? `{${part.name}}`);
  return text;
}

/** What is wrong with the variables of a template, or `undefined`. */
export function unknownVariable(template: Template, known: readonly string[]): string | undefined {
  const unknown = template.find((part) => typeof part !== 'string' && !known.includes(part.name));
  if (unknown === undefined || typeof unknown === 'string') return undefined;
  const { name } = unknown;
  const cure = `for braces as such write {{${name}}}`;
  if (known.length === 0) return `no variable ${quote(name)}: the job has no matrix; ${cure}`;
  return `no variable ${quote(name)}: known are ${known.join(', ')}; ${cure}`;
}
