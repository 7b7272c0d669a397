import { Option, type Command } from 'commander';
import { UserError } from '../core/errors.ts';
import type { FolderPolicy } from '../adoption/folder-conflict.ts';
import type { OpenOptions } from '../jobs/open-jobs-files.ts';
import { formats, type Format } from '../jobs/read/formats.ts';

export const FILES = 'files of prompts: .txt, .csv, .tsv, .yaml, .json, .jsonl; - for standard input';

/** The options as commander parses them. */
interface ParsedOptions {
  set?: Map<string, string>;
  column?: Map<string, string>;
  batch?: string;
  output?: string;
  maxClips?: string;
  variables?: true;
  format?: Format;
  encoding?: string;
  flags?: 'drop' | 'keep';
  duplicates?: 'refuse' | 'skip';
  allowImagesOutside?: true;
}

/** Adds the options that apply to the jobs of all files. */
export function addJobsOptions(command: Command): Command {
  return command
    .option('--set <field=value>', 'a field of all jobs, such as duration=10 (repeatable)', pair('--set duration=10'))
    .option(
      '--column <field=name>',
      'name of a field in the files, such as prompt=caption (repeatable)',
      pair('--column prompt=caption'),
    )
    .option('--variables', 'unknown fields of YAML and JSON are variables, {name} in prompt, id and output')
    .option('--batch <name>', 'name of the batch (default: the name of the file)')
    .option('--output <template>', 'names of the clips, such as {batch}/{index}-{id}.mp4')
    .option('--max-clips <n>', 'budget: maximum number of paid clips of the batch, retries included; none removes it')
    .addOption(new Option('--format <format>', 'format of the files (default: by extension)').choices(formats))
    .option('--allow-images-outside', 'allow image_files outside the folder of their jobs file')
    .option('--encoding <name>', 'encoding of the files, such as windows-1252 (default: UTF-8)')
    .addOption(
      new Option('--duplicates <what>', 'handling of jobs with the same content (default: refuse)').choices([
        'refuse',
        'skip',
      ]),
    )
    .addOption(
      new Option(
        '--flags <what>',
        'handling of options of other programs in .txt lines, such as --w 832 (default: refuse)',
      ).choices(['drop', 'keep']),
    );
}

function pair(example: string) {
  return (text: string, pairs = new Map<string, string>()): Map<string, string> => {
    const at = text.indexOf('=');
    const name = text.slice(0, Math.max(0, at)).trim();
    if (name === '')
      throw new UserError(`${JSON.stringify(text)} is not NAME=VALUE`, { cure: `Write it as in ${example}.` });
    if (pairs.has(name)) throw new UserError(`${JSON.stringify(name)} is given twice`, { cure: 'Give it once.' });
    return pairs.set(name, text.slice(at + 1));
  };
}

/** Returns the options of the files from the parsed command line. */
export function jobsOptions(parsed: object): OpenOptions {
  const { column, set, batch, output, maxClips, variables } = parsed as ParsedOptions;
  const { format, encoding, flags, duplicates, allowImagesOutside } = parsed as ParsedOptions;
  const jobs = { columns: column, set, batch, output, maxClips, variables, flags, duplicates };
  return { ...jobs, format, encoding, ...(allowImagesOutside && { allowImagesOutside }) };
}

/** Flags of `run` and `submit` for the folders of their batches. */
export interface FolderFlags {
  adopt?: true;
  replace?: true;
}

export function addFolderOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--adopt', 'use existing files of the batch in the storage as the clips of these jobs').conflicts(
        'replace',
      ),
    )
    .option('--replace', 'pay for these clips and replace existing files with their names');
}

export function folderPolicy({ adopt, replace }: FolderFlags): FolderPolicy {
  return adopt ? 'adopt' : replace ? 'replace' : 'refuse';
}
