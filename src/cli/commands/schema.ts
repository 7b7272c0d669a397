import { Argument, type Command } from 'commander';
import { eventJsonSchema } from '../../ledger/event.ts';
import { jobsFileJsonSchema } from '../../jobs/file-schema.ts';
import { queueJobJsonSchema } from '../../jobs/queue-job.ts';
import type { CliContext } from '../command-context.ts';

const schemas = { job: queueJobJsonSchema, event: eventJsonSchema, file: jobsFileJsonSchema };

export function addSchema(program: Command, context: CliContext): void {
  program
    .command('schema')
    .addArgument(
      new Argument('<what>', 'a job of the submit queue, an event of the stream, or a jobs file').choices(
        Object.keys(schemas),
      ),
    )
    .summary('print a JSON Schema for producers, consumers or editors')
    .description('Prints the JSON Schema (draft 2020-12) of the data that clipmill reads or writes.')
    .action((what: keyof typeof schemas) => {
      context.out(`${JSON.stringify(schemas[what](), null, 2)}\n`);
    });
}
