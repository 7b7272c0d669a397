/** The result of one check. `warn`: a risk. `fail`: work stops, or a guarantee does not hold. */
export interface Finding {
  /** The subject of the check, in a word or two. */
  subject: string;
  level: 'ok' | 'warn' | 'fail';
  /** The result, as a phrase. */
  found: string;
  /** The remedy, as an imperative sentence. */
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
