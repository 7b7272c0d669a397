import { pino, type DestinationStream, type Logger } from 'pino';
import { harmlessText, cutText } from './text.ts';
import { scrubber } from './redact.ts';

export type { Logger } from 'pino';

export interface LogOptions {
  level: string;
  /** Strings that no line may carry, such as the API key; each is replaced by `[secret]`. */
  secrets: readonly string[];
  /** Where lines go; the default is standard error. */
  destination?: DestinationStream;
  /** Lines are printed decoded, for a person: escapes of JSON do not protect the terminal. Default false. */
  readable?: boolean;
}

/** Longest text of an error in a line, in characters. */
const LONGEST_TEXT = 4_000;

/** Creates a logger. Lines carry ids as fields (`batch`, `item`, `attempt`, `task`), then a message. */
export function createLogger(options: LogOptions): Logger {
  const scrub = scrubber(options.secrets);
  return pino(
    {
      level: options.level,
      base: { pid: process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: errorFacts },
      hooks: { streamWrite: (line) => scrub(options.readable ? withoutCommands(line) : harmlessText(line)) },
    },
    options.destination ?? pino.destination({ fd: 2, sync: true }),
  );
}

/**
 * The fields of an error in a line. Its other properties stay out: that of a refused script has the command with all
 * its arguments, prompts and signed URLs among them.
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

/** Returns a line whose texts are harmless once they are decoded. */
function withoutCommands(line: string): string {
  const parsed: unknown = JSON.parse(line, (_name, value: unknown) =>
    typeof value === 'string' ? harmlessText(value) : value,
  );
  return `${JSON.stringify(parsed)}\n`;
}

/** Returns a destination that writes coloured lines instead of JSON to standard error. */
export async function readableLines(): Promise<DestinationStream> {
  const { default: pretty } = await import('pino-pretty');
  return pretty({ destination: 2, sync: true, ignore: 'pid', translateTime: 'SYS:HH:MM:ss', singleLine: true });
}

/** A logger without output, for library users that gave none and for tests. */
export function silentLogger(): Logger {
  return pino({ level: 'silent' });
}
