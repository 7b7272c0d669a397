/** One thing that was looked at: `warn` costs something some day, `fail` breaks a promise or stops the work. */
export interface Finding {
  /** What was looked at, in a word or two. */
  subject: string;
  level: 'ok' | 'warn' | 'fail';
  /** What was found, as a phrase. */
  found: string;
  /** What to do about it, as an imperative sentence. */
  cure?: string;
}

export function ok(subject: string, found: string): Finding {
  return { subject, level: 'ok', found };
}

export function warn(subject: string, found: string, cure: string): Finding {
  return { subject, level: 'warn', found, cure };
}

export function fail(subject: string, found: string, cure: string): Finding {
  return { subject, level: 'fail', found, cure };
}
