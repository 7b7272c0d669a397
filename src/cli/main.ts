#!/usr/bin/env node
import { CommanderError } from 'commander';
import { formatFailure } from '../core/errors.ts';
import { EXIT, processContext } from './context.ts';
import { buildProgram } from './program.ts';
import { explainRedisError } from '../redis/errors.ts';

const context = processContext();
// `clipmill export … | head`: the reader has closed the pipe, which is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(EXIT.ok);
  throw error;
});
try {
  const program = await buildProgram(context, process.argv[2]);
  await program.parseAsync(process.argv);
} catch (error) {
  if (error instanceof CommanderError) {
    // commander has printed the message; `--help` ends up here too, and is no mistake.
    process.exitCode = error.exitCode === 0 ? EXIT.ok : EXIT.misuse;
  } else {
    context.err(formatFailure(explainRedisError(error)));
    process.exitCode = EXIT.misuse;
  }
}
