import { pino, type DestinationStream, type Logger } from 'pino';

export type { Logger } from 'pino';

export interface LogOptions {
  level: string;
  /** Strings that no line may carry, such as the API key; each is replaced by `[secret]`. */
  secrets: readonly string[];
  /** Where lines go; the default is standard error. */
  destination?: DestinationStream;
}

/** Values of query parameters that make a URL a bearer of rights (AWS, GCS and Azure signatures, tokens). */
const signedQuery = /((?:\bX-(?:Amz|Goog)-[\w-]+|[?&;](?:Signature|sig|token))(?:=|%3D))[^&"'\\\s]+/gi;

/** The path of a callback URL, `/cb/1/REF/MAC`: its last segments are the right to wake an attempt. */
const callbackPath = /((?:\/|%2F)cb(?:\/|%2F)1(?:\/|%2F))[\w-]+(?:(?:\/|%2F)[\w-]*)?/gi;

/** A text with every signature in it hidden, such as that of a URL which an error quotes. */
export function withoutSignatures(text: string): string {
  return text.replace(signedQuery, '$1[secret]').replace(callbackPath, '$1[secret]');
}

/** Replaces every secret in a text, wherever it stands: in a message, an error, a URL. */
export function scrubber(secrets: readonly string[]): (text: string) => string {
  const hidden = secrets.filter((secret) => secret.length > 0);
  return (text) => withoutSignatures(hidden.reduce((line, secret) => line.replaceAll(secret, '[secret]'), text));
}

/** Lines carry the ids of what they are about as fields (`batch`, `item`, `attempt`, `task`), then a message. */
export function createLogger(options: LogOptions): Logger {
  const scrub = scrubber(options.secrets);
  return pino(
    {
      level: options.level,
      base: { pid: process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      hooks: { streamWrite: scrub },
    },
    options.destination ?? pino.destination({ fd: 2, sync: true }),
  );
}

/** Coloured lines for a person instead of JSON, on standard error. */
export async function readableLines(): Promise<DestinationStream> {
  const { default: pretty } = await import('pino-pretty');
  return pretty({ destination: 2, sync: true, ignore: 'pid', translateTime: 'SYS:HH:MM:ss', singleLine: true });
}

/** A logger that says nothing, for library users who gave none and for tests. */
export function silentLogger(): Logger {
  return pino({ level: 'silent' });
}
