import type { z } from 'zod';
import type { FieldDiagnostic, Fields, Path, Report } from '../tree.ts';
import { braceFault, lengthFault } from '../template.ts';
import { unknownName } from '../messages.ts';

/**
 * Checks every field by its schema.
 * @param unknown handling of fields without a schema. Default: report
 * @returns the valid fields; `undefined` counts as absent
 */
export function checkFields(
  raw: Fields,
  shape: Readonly<Record<string, z.ZodType>>,
  report: Report,
  at: Path = [],
  unknown: 'report' | 'skip' = 'report',
): Fields {
  const valid = Object.create(null) as Fields;
  for (const [name, value] of Object.entries(raw)) {
    if (value === undefined) continue;
    const path = [...at, name];
    const schema = Object.hasOwn(shape, name) ? shape[name] : undefined;
    if (schema === undefined) {
      if (unknown === 'skip') continue;
      report({ path, at: 'key', message: unknownName('field', name, Object.keys(shape)) });
    } else if (value === null) {
      report({ path, message: 'is empty: give it a value or leave it out' });
    } else {
      const result = schema.safeParse(value);
      if (result.success) valid[name] = result.data;
      else for (const issue of zodIssues(result.error)) report({ ...issue, path: [...path, ...issue.path] });
    }
  }
  return valid;
}

/** Reports a text that is not a valid template, and removes it from the fields. */
export function checkTemplate(name: string, fields: Fields, report: Report): void {
  const text = fields[name];
  const message =
    typeof text !== 'string' ? undefined : (lengthFault(text) ?? (name === 'output' ? braceFault(text) : undefined));
  if (message === undefined) return;
  report({ path: [name], message });
  delete fields[name];
}

/** Returns the first zod issue of each path: a number that is neither whole nor in range is one error, not two. */
export function zodIssues(error: z.ZodError): FieldDiagnostic[] {
  const issues = new Map<string, FieldDiagnostic>();
  for (const issue of error.issues) {
    const path = issue.path.map((step) => (typeof step === 'number' ? step : String(step)));
    const place = JSON.stringify(path);
    if (!issues.has(place)) issues.set(place, { path, message: issue.message });
  }
  return [...issues.values()];
}
