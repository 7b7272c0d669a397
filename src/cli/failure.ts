import { UserError } from '../errors.ts';

/**
 * What a failed command prints: a user's own mistake as one line each with its cure, anything else
 * with its stack, because that is a fault of clipmill.
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
  return `error: clipmill failed in a way it should not; nothing that is in Redis is lost\n${detail}\n`;
}
