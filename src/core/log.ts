import { pino, type DestinationStream, type Logger } from 'pino';
import { escapeControls, cutText } from './text.ts';
import { scrubber } from './redact.ts';

export type { Logger } from 'pino';

export interface LogOptions {
  level: string;
  /** Strings that must not appear in a line, such as the API key; each is replaced by `[secret]`. */
  secrets: readonly string[];
  /** Destination of the lines. Default: standard error. */
  destination?: DestinationStream;
  /** Whether the destination decodes the JSON, whose escapes then no longer protect the terminal. Default false. */
  readable?: boolean;
}

/** Longest message or stack in a line, in UTF-16 units. */
const LONGEST_TEXT = 4_000;

/** Creates a logger. Ids are fields of a line (`batch`, `item`, `attempt`, `task`), not parts of its message. */
export function createLogger(options: LogOptions): Logger {
  const scrub = scrubber(options.secrets);
  return pino(
    {
      level: options.level,
      base: { pid: process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: errorFacts },
      hooks: { streamWrite: (line) => scrub(options.readable ? escapeDecoded(line) : escapeControls(line)) },
    },
    options.destination ?? pino.destination({ fd: 2, sync: true }),
  );
}

/**
 * Returns the fields of an error that are logged. Its other properties are not: a Redis error holds the command with
 * all arguments, which include prompts and signed URLs.
 */
function errorFacts(error: unknown): object {
  if (!(error instanceof Error)) return { message: cutText(String(error), LONGEST_TEXT) };
  const { name, message, stack, cause } = error;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  return {
    type: name,
    message: cutText(message, LONGEST_TEXT),
    ...(code !== undefined && { code }),
    ...(stack !== undefined && { stack: cutText(stack, LONGEST_TEXT) }),
    ...(cause !== undefined && { cause: errorFacts(cause) }),
  };
}

/** Escapes terminal controls in a line of JSON so that they stay escaped when the line is decoded. */
function escapeDecoded(line: string): string {
  const parsed: unknown = JSON.parse(line, (_name, value: unknown) =>
    typeof value === 'string' ? escapeControls(value) : value,
  );
  return `${JSON.stringify(parsed)}\n`;
}

/** Returns a destination that writes coloured lines instead of JSON to standard error. */
export async function readableLines(): Promise<DestinationStream> {
  const { default: pretty } = await import('pino-pretty');
  return pretty({ destination: 2, sync: true, ignore: 'pid', translateTime: 'SYS:HH:MM:ss', singleLine: true });
}

/** Returns a logger without output. */
export function silentLogger(): Logger {
  return pino({ level: 'silent' });
}
