import { Command, InvalidArgumentError } from 'commander';

/** Creates the command of a benchmark: `--help` prints its options, and wrong ones exit with 2. */
export function benchCommand(description: string): Command {
  return new Command().description(description).exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2));
}

/** Parses a positive number. */
export function positive(text: string): number {
  const value = Number(text);
  if (!Number.isFinite(value) || value <= 0) throw new InvalidArgumentError('It must be a positive number.');
  return value;
}

/** Parses a whole number of at least 1. */
export function wholeNumber(text: string): number {
  const value = positive(text);
  if (!Number.isSafeInteger(value)) throw new InvalidArgumentError('It must be a whole number.');
  return value;
}
