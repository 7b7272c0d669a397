import { once } from 'node:events';
import { escapeControls } from '../core/text.ts';
import type { Environment } from '../config/config.ts';

/** The environment and the output of a command. Results go to `out`, everything else to `err`. */
export interface CliContext {
  env: Environment;
  out(text: string): void;
  err(text: string): void;
  /** Writes a control sequence to the terminal of `err`; in texts of `out` and `err`, control sequences are escaped. */
  control(sequence: string): void;
  /** Writes a part of a long result to standard output unescaped. Resolves when more can be written. */
  write(text: string): Promise<void>;
  /** Whether `err` is a terminal. */
  terminal: boolean;
  /** Width of that terminal in columns. */
  columns(): number;
  /** Sets the exit code of the process without ending it. */
  exit(code: number): void;
}

export function processContext(): CliContext {
  return {
    env: process.env,
    out: (text) => void process.stdout.write(escapeControls(text)),
    err: (text) => void process.stderr.write(escapeControls(text)),
    control: (sequence) => void process.stderr.write(sequence),
    async write(text) {
      if (!process.stdout.write(text)) await once(process.stdout, 'drain');
    },
    terminal: process.stderr.isTTY,
    columns: () => process.stderr.columns || 80,
    exit(code) {
      process.exitCode = code;
    },
  };
}

/** Exit codes that scripts rely on. */
export const EXIT = {
  /** All done. */
  ok: 0,
  /** Some items failed or are held, or a check of doctor failed. */
  incomplete: 1,
  /** Invalid input or settings; nothing was sent. */
  misuse: 2,
  /** Interrupted; nothing is lost. */
  interrupted: 130,
} as const;
