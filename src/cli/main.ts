#!/usr/bin/env node
import { Command, CommanderError } from 'commander';
import { formatFailure } from '../core/errors.ts';
import { packageVersion } from '../core/version.ts';
import { explainRedisError } from '../redis/errors.ts';
import { EXIT, processContext, type CliContext } from './command-context.ts';

type AddCommand = (program: Command, context: CliContext) => void;

/** The commands in the order of `--help`. Loaded on demand: most need no Redis client, no S3 and no simulator. */
const commands: Record<string, () => Promise<AddCommand>> = {
  run: async () => (await import('./commands/run.ts')).addRun,
  demo: async () => (await import('./commands/demo.ts')).addDemo,
  validate: async () => (await import('./commands/validate.ts')).addValidate,
  submit: async () => (await import('./commands/submit.ts')).addSubmit,
  work: async () => (await import('./commands/work.ts')).addWork,
  serve: async () => (await import('./commands/serve.ts')).addServe,
  status: async () => (await import('./commands/status.ts')).addStatus,
  watch: async () => (await import('./commands/watch.ts')).addWatch,
  retry: async () => (await import('./commands/retry.ts')).addRetry,
  recover: async () => (await import('./commands/recover.ts')).addRecover,
  cancel: async () => (await import('./commands/cancel.ts')).addCancel,
  pause: async () => (await import('./commands/pause.ts')).addPause,
  resume: async () => (await import('./commands/pause.ts')).addResume,
  export: async () => (await import('./commands/export.ts')).addExport,
  config: async () => (await import('./commands/config.ts')).addConfig,
  doctor: async () => (await import('./commands/doctor.ts')).addDoctor,
  schema: async () => (await import('./commands/schema.ts')).addSchema,
  simulate: async () => (await import('./commands/simulate.ts')).addSimulate,
};

/** Builds the program with the requested command, or with all commands if the name is none of them, as for `--help`. */
async function buildProgram(context: CliContext, requested: string | undefined): Promise<Command> {
  const chosen = Object.entries(commands).filter(([name]) => name === requested);
  const program = new Command('clipmill')
    .description('Turns a file of prompts into a folder of videos through the APIXO Kling 2.6 API.')
    .version(packageVersion())
    .configureOutput({ writeOut: (text) => context.out(text), writeErr: (text) => context.err(text) })
    .showHelpAfterError(`  See \`clipmill ${chosen.length > 0 ? `${requested} ` : ''}--help\`.`)
    .exitOverride()
    .addHelpText(
      'after',
      '\nThe API key is read from APIXO_API_KEY; `clipmill demo` needs none.\n`clipmill config` shows every setting, `clipmill doctor` whether they work.',
    );
  for (const [, load] of chosen.length > 0 ? chosen : Object.entries(commands)) (await load())(program, context);
  return program;
}

async function main(context: CliContext): Promise<void> {
  // A reader such as `head` may close the pipe early, which is not an error.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(EXIT.ok);
    throw error;
  });
  try {
    const program = await buildProgram(context, process.argv[2]);
    await program.parseAsync(process.argv);
  } catch (error) {
    if (error instanceof CommanderError) {
      // Commander has printed the message. `--help` ends here too, with exit code 0.
      context.exit(error.exitCode === 0 ? EXIT.ok : EXIT.misuse);
    } else {
      context.err(formatFailure(explainRedisError(error)));
      context.exit(EXIT.misuse);
    }
  }
}

await main(processContext());
