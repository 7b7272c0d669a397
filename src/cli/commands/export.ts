import { Option, type Command } from 'commander';
import { galleryPage, locationLink } from '../../reports/gallery/gallery.ts';
import { csvLines } from '../../reports/csv-lines.ts';
import { jsonlLines } from '../../reports/manifest.ts';
import { requireBatch } from '../../operations/arguments.ts';
import type { CliContext } from '../command-context.ts';
import { withApp } from '../with-app.ts';

const formats = ['jsonl', 'csv', 'html'] as const;

export function addExport(program: Command, context: CliContext): void {
  program
    .command('export')
    .argument('<batch>')
    .addOption(
      new Option(
        '--format <format>',
        'manifest lines, a table, or a page that plays the clips (for a bucket, store the page in BATCH/ there)',
      )
        .choices(formats)
        .default('jsonl'),
    )
    .summary('print the manifest or the gallery of a batch')
    .description(
      'Prints the items of a batch with their input, state, task id, attempts, times, size, SHA-256 and location, from ' +
        'Redis to standard output.',
    )
    .action(async (batch: string, options: { format: (typeof formats)[number] }) => {
      await withApp(context, { redis: 'read' }, async (app) => {
        await requireBatch(app, batch);
        const items = app.queries.items(batch);
        const lines = {
          jsonl: () => jsonlLines(items),
          csv: () => csvLines(items),
          html: () => galleryPage(batch, items, { link: locationLink(batch), at: new Date() }),
        }[options.format]();
        for await (const line of lines) await context.write(line);
      });
    });
}
