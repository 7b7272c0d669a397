import { Command } from 'commander';
import { expect, it } from 'vitest';
import { addJobsOptions, jobsOptions } from '../../../src/cli/jobs-options.ts';

it('every option for files is applied to them', () => {
  const command = addJobsOptions(new Command());
  const given =
    '--set duration=10 --column prompt=caption --variables --batch b --output {id} --max-clips none --format csv ' +
    '--allow-images-outside --encoding gbk --duplicates skip --flags drop';
  command.parse(given.split(' '), { from: 'user' });
  expect(command.options.filter(({ long }) => !given.includes(long ?? '?'))).toEqual([]);
  expect(jobsOptions(command.opts())).toEqual({
    set: new Map([['duration', '10']]),
    columns: new Map([['prompt', 'caption']]),
    variables: true,
    batch: 'b',
    output: '{id}',
    maxClips: 'none',
    format: 'csv',
    allowImagesOutside: true,
    encoding: 'gbk',
    duplicates: 'skip',
    flags: 'drop',
  });
});
