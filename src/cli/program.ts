import { Command } from 'commander';
import { packageVersion } from '../version.ts';
import { addCancel } from './commands/cancel.ts';
import { addConfig } from './commands/config.ts';
import { addDemo } from './commands/demo.ts';
import { addDoctor } from './commands/doctor.ts';
import { addExport } from './commands/export.ts';
import { addPause, addResume } from './commands/pause.ts';
import { addRetry } from './commands/retry.ts';
import { addRun } from './commands/run.ts';
import { addSchema } from './commands/schema.ts';
import { addSimulate } from './commands/simulate.ts';
import { addStatus } from './commands/status.ts';
import { addSubmit } from './commands/submit.ts';
import { addValidate } from './commands/validate.ts';
import { addWork } from './commands/work.ts';
import type { Exit, Io } from './io.ts';

export function buildProgram(io: Io, exit: Exit): Command {
  const program = new Command('clipmill')
    .description('Turns a file of prompts into a folder of videos through the APIXO Kling 2.6 API.')
    .version(packageVersion())
    .configureOutput({ writeOut: (text) => io.out(text), writeErr: (text) => io.err(text) })
    .showHelpAfterError('(see --help)')
    .exitOverride()
    .addHelpText(
      'after',
      '\nThe API key is read from APIXO_API_KEY. `clipmill config` shows every setting, `clipmill doctor`\nwhether they work; `clipmill demo` needs no key.',
    );
  for (const add of [
    addRun,
    addDemo,
    addValidate,
    addSubmit,
    addWork,
    addStatus,
    addRetry,
    addCancel,
    addPause,
    addResume,
    addExport,
    addConfig,
    addDoctor,
    addSchema,
    addSimulate,
  ]) {
    add(program, io, exit);
  }
  return program;
}
