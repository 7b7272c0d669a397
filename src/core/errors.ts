/**
 * An error that the user can fix: an invalid file or setting, an unreachable service. The command line prints its
 * message and its cure without a stack trace, and exits with 2.
 */
export class UserError extends Error {
  override readonly name: string = 'UserError';
  /** The remedy, as an imperative sentence. */
  readonly cure: string | undefined;

  constructor(message: string, options: { cure?: string; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.cure = options.cure;
  }
}

/** One error in the user's input, with its position. Lines and columns count from 1. */
export interface Diagnostic {
  file?: string;
  line?: number;
  column?: number;
  /** The job's id, or `#7` for the seventh job of the file if it has none. */
  job?: string;
  field?: string;
  message: string;
}

/** `jobs.yaml:12:5: job waterfall: duration: must be 5 or 10` */
export function formatDiagnostic(problem: Diagnostic): string {
  const place = [problem.file, problem.line, problem.column].filter((part) => part !== undefined);
  return [
    place.length > 0 ? place.join(':') : undefined,
    problem.job === undefined ? undefined : `job ${problem.job}`,
    problem.field,
    problem.message,
  ]
    .filter((part) => part !== undefined)
    .join(': ');
}

/** All errors in the input, one per line. */
export class InputError extends UserError {
  override readonly name = 'InputError';
  readonly problems: readonly Diagnostic[];

  constructor(problems: readonly Diagnostic[], options: { cure?: string } = {}) {
    super(problems.map(formatDiagnostic).join('\n'), options);
    this.problems = problems;
  }
}

/** Returns the message of a thrown value, with the messages of its causes. */
export function describeError(error: unknown): string {
  const messages: string[] = [];
  let current = error;
  while (current !== undefined && messages.length < 4) {
    const message =
      current instanceof Error
        ? current.message || current.name
        : typeof current === 'string'
          ? current
          : 'unknown error';
    if (!messages.includes(message)) messages.push(message);
    current = current instanceof Error ? current.cause : undefined;
  }
  return messages.join(': ');
}

/**
 * Returns the text that a failed command prints: the lines of a UserError and its cure. Any other error is a bug in
 * clipmill and is printed with its stack.
 */
export function formatFailure(error: unknown): string {
  if (error instanceof UserError) {
    const lines = error.message
      .split('\n')
      .map((line) => `error: ${line}\n`)
      .join('');
    return error.cure ? `${lines}  ${error.cure}\n` : lines;
  }
  const detail = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return `error: internal error in clipmill; nothing in Redis is lost\n${detail}\n`;
}
