import { Command } from 'commander';
import { packageVersion } from '../core/version.ts';
import type { CliContext } from './context.ts';

type AddCommand = (program: Command, context: CliContext) => void;

/** In the order of `--help`. Each is loaded when it is called for: most need no Redis client, no S3, no simulator. */
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

/** @param called the command that is called for; all are there when it is none of them, as for `--help` */
export async function buildProgram(context: CliContext, called: string | undefined): Promise<Command> {
  const chosen = Object.entries(commands).filter(([name]) => name === called);
  const program = new Command('clipmill')
    .description('Turns a file of prompts into a folder of videos through the APIXO Kling 2.6 API.')
    .version(packageVersion())
    .configureOutput({ writeOut: (text) => context.out(text), writeErr: (text) => context.err(text) })
    .showHelpAfterError(`  See \`clipmill ${called !== undefined && called in commands ? `${called} ` : ''}--help\`.`)
    .exitOverride()
    .addHelpText(
      'after',
      '\nThe API key is read from APIXO_API_KEY; `clipmill demo` needs none.\n`clipmill config` shows every setting, `clipmill doctor` whether they work.',
    );
  for (const [, load] of chosen.length > 0 ? chosen : Object.entries(commands)) (await load())(program, context);
  return program;
}
