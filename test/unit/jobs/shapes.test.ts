import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { InputError } from '../../../src/core/errors.ts';
import { openJobsFiles, type JobsFile, type OpenOptions } from '../../../src/jobs/open-jobs-files.ts';
import { folder } from './files.ts';
import { gather } from './gather.ts';

interface Shape {
  what: string;
  name: string;
  content: string | Buffer;
  prompts: string[];
  /** The option that the error names; absent if the file is accepted without options. */
  option?: string;
  input?: object;
  notices?: string[];
}

const url = 'https://example.com/a.png';

/** Files of prompts in forms in which they are published. */
const shapes: Shape[] = [
  {
    what: 'a benchmark: a prompt a line',
    name: 'all_dimension.txt',
    content: 'In a still frame, a stop sign\r\na toilet, frozen in time\r\n\r\n',
    prompts: ['In a still frame, a stop sign', 'a toilet, frozen in time'],
  },
  {
    what: 'quotes, commas and semicolons in lines',
    name: 'prompts.txt',
    content: 'a sign that says "hello, world"; neon\n"quoted"\n',
    prompts: ['a sign that says "hello, world"; neon', '"quoted"'],
  },
  {
    what: 'ComfyUI: blank lines and spaces around',
    name: 'p.txt',
    content: '\ufeff  a cat  \n\n\t\n a dog\n',
    prompts: ['a cat', 'a dog'],
  },
  {
    what: 'InvokeAI: weights and wildcards',
    name: 'p.txt',
    content: 'a (red)1.2 fox {running|sitting}++\n',
    prompts: ['a (red)1.2 fox {running|sitting}++'],
  },
  {
    what: 'musubi: options of the trainer',
    name: 'sample_prompts.txt',
    content: '# test set\nA cat walks --w 832 --h 480 --f 81 --d 1 --s 20\n',
    prompts: ['A cat walks'],
    option: '--flags drop',
    notices: ['ignored 1 line that begins with "#"', 'options of another program dropped from 1 line'],
  },
  { what: 'carriage returns alone', name: 'mac.txt', content: 'a cat\ra dog\r', prompts: ['a cat', 'a dog'] },
  {
    what: 'UTF-16 of a text editor',
    name: 'notepad.txt',
    content: Buffer.from('\ufeffein Fuchs\r\nein Bär\r\n', 'utf16le'),
    prompts: ['ein Fuchs', 'ein Bär'],
  },
  {
    what: 'Latin-1',
    name: 'latin.txt',
    content: Buffer.from('ein Bär\n', 'latin1'),
    prompts: ['ein Bär'],
    option: '--encoding windows-1252',
  },
  {
    what: 'DrawBench',
    name: 'drawbench.csv',
    content: 'Prompts,Category\nA red car.,Colors\n"A car, blue.",Colors\n',
    prompts: ['A red car.', 'A car, blue.'],
    option: '--column prompt=Prompts',
  },
  {
    what: 'PartiPrompts',
    name: 'PartiPrompts.tsv',
    content: 'Prompt\tCategory\tChallenge\tNote\n"a sign ""hi"""\tArts\tBasic\t\na 5" nail\tArts\tBasic\t\n',
    prompts: ['a sign "hi"', 'a 5" nail'],
    notices: ['variables: Category, Challenge, Note'],
  },
  {
    what: 'more columns',
    name: 'shots.csv',
    content: 'id,prompt,category,style,notes\n1,a cat,animals,noir,\n2,a dog,animals,,x\n',
    prompts: ['a cat', 'a dog'],
    notices: ['variables: category, style, notes'],
  },
  {
    what: 'pandas: an index without a name',
    name: 'df.csv',
    content: ',caption,clip_score\n0,a cat,0.31\n1,a dog,0.30\n',
    prompts: ['a cat', 'a dog'],
    option: '--column prompt=caption',
  },
  {
    what: 'European Excel',
    name: 'excel.csv',
    content: '\ufeffprompt;duration;sound\r\n"ein Fuchs; schnell";10;FALSE\r\n;;\r\n',
    prompts: ['ein Fuchs; schnell'],
    input: { duration: 10, sound: false },
  },
  {
    what: 'its separator line',
    name: 'sep.csv',
    content: 'sep=;\r\nprompt;stil\r\nein Fuchs;noir\r\n',
    prompts: ['ein Fuchs'],
  },
  {
    what: 'empty columns at the end, cells of several lines',
    name: 'sheet.csv',
    content: 'prompt,duration,,\r\n"a cat\r\non a mat",5,,\r\n,,,\r\n',
    prompts: ['a cat\r\non a mat'],
  },
  {
    what: 'CSV (Macintosh)',
    name: 'mac.csv',
    content: 'prompt,duration\ra cat,10\r',
    prompts: ['a cat'],
    input: { duration: 10 },
  },
  {
    what: 'images of a tool',
    name: 'kling.csv',
    content: `Prompt,Image URL\nanimate it,${url}\n`,
    prompts: ['animate it'],
    option: "--column image_urls='Image URL'",
    input: { mode: 'image-to-video', image_urls: [url] },
  },
  {
    what: 'two images in a cell',
    name: 'pairs.csv',
    content: `prompt,image_urls\nmorph,"${url}, https://example.com/b,c.png"\n`,
    prompts: ['morph'],
    input: { image_urls: [url, 'https://example.com/b,c.png'] },
  },
  { what: 'a list of texts', name: 'list.json', content: '["a cat", "a dog"]', prompts: ['a cat', 'a dog'] },
  {
    what: 'a list of texts in YAML',
    name: 'list.yaml',
    content: '- a cat\n- "a dog: big"\n',
    prompts: ['a cat', 'a dog: big'],
  },
  {
    what: 'VBench: objects of other fields',
    name: 'VBench_full_info.json',
    content: '[{"prompt_en": "a cat", "dimension": ["subject"], "auxiliary_info": {"x": 1}}]',
    prompts: ['a cat'],
    option: '--column prompt=prompt_en',
  },
  {
    what: 'objects with more fields',
    name: 'meta.json',
    content: '[{"prompt": "a cat", "category": "animals", "seed": 7}]',
    prompts: ['a cat'],
    option: '--variables',
  },
  {
    what: 'captions, a line each',
    name: 'captions.jsonl',
    content: '{"file_name": "0001.mp4", "caption": "a cat"}\n{"file_name": "0002.mp4", "caption": "a dog"}\n',
    prompts: ['a cat', 'a dog'],
    option: '--column prompt=caption',
  },
  { what: 'texts, a line each', name: 'texts.jsonl', content: '"a cat"\n"a dog"\n', prompts: ['a cat', 'a dog'] },
  {
    what: 'a list of another name',
    name: 'prompts.json',
    content: '{"prompts": ["a cat", "a dog"]}',
    prompts: ['a cat', 'a dog'],
    option: '--column jobs=prompts',
  },
  {
    what: 'doubles',
    name: 'twice.txt',
    content: 'a cat\na dog\na cat \n',
    prompts: ['a cat', 'a dog'],
    option: '--duplicates skip',
    notices: ['1 clip skipped, because another job has the same content'],
  },
  { what: 'a name without extension', name: 'PROMPTS', content: 'a cat\n', prompts: ['a cat'], option: '--format txt' },
  {
    what: 'a table that is called a text',
    name: 'table.txt',
    content: 'id\tprompt\n1\ta cat\n',
    prompts: ['a cat'],
    option: '--format tsv',
  },
  {
    what: 'JSON lines that are called a text',
    name: 'lines.txt',
    content: '{"prompt": "a cat"}\n',
    prompts: ['a cat'],
    option: '--format jsonl',
  },
  {
    what: 'JSON lines that are called JSON',
    name: 'lines.json',
    content: '{"prompt": "a cat"}\n{"prompt": "a dog"}\n',
    prompts: ['a cat', 'a dog'],
    option: '--format jsonl',
  },
  {
    what: 'a list with marks',
    name: 'list.txt',
    content: '# foxes\n- a cat\n- a dog\n',
    prompts: ['a cat', 'a dog'],
    notices: [
      'ignored 1 line that begins with "#"',
      'list marks or quotes removed from 2 lines, as every line has them',
    ],
  },
  { what: 'a list with numbers', name: 'list.txt', content: '1. a cat\n2. 5 dogs\n', prompts: ['a cat', '5 dogs'] },
  {
    what: 'numbers that are no list',
    name: 'n.txt',
    content: '2. a cat\n7. a dog\n',
    prompts: ['2. a cat', '7. a dog'],
  },
  { what: 'lines of code', name: 'code.txt', content: '"a cat",\n"a dog"\n', prompts: ['a cat', 'a dog'] },
  {
    what: 'Markdown',
    name: 'prompts.md',
    content: '# Shots\n\n* a cat\n* a dog\n',
    prompts: ['a cat', 'a dog'],
    option: '--format txt',
  },
  {
    what: 'a list of Python',
    name: 'py.txt',
    content: "['a cat', 'a dog']\n",
    prompts: ['a cat', 'a dog'],
    option: '--format yaml',
  },
  {
    what: 'single quotes',
    name: 'single.json',
    content: "['a cat', 'a dog']",
    prompts: ['a cat', 'a dog'],
    option: '--format yaml',
  },
  {
    what: 'a comma at the end',
    name: 'comma.json',
    content: '["a cat", "a dog",]',
    prompts: ['a cat', 'a dog'],
    option: '--format yaml',
  },
  {
    what: 'a comma at the end of an object',
    name: 'commas.json',
    content: '[{"prompt": "a cat",},\n {"prompt": "a dog",},]',
    prompts: ['a cat', 'a dog'],
    option: '--format yaml',
  },
  {
    what: 'a list below `data`',
    name: 'data.json',
    content: '{"data": [{"prompt": "a cat"}, {"prompt": "a dog"}]}',
    prompts: ['a cat', 'a dog'],
    option: '--column jobs=data',
  },
  {
    what: 'nested fields',
    name: 'hub.jsonl',
    content: '{"prompt": "a cat", "meta": {"seed": 1, "tags": ["x"]}, "video": null}\n',
    prompts: ['a cat'],
    option: '--variables',
  },
  {
    what: 'a table below comments',
    name: 'notes.csv',
    content: '# made by hand, in spring\nprompt,style\na cat,noir\n',
    prompts: ['a cat'],
    notices: ['variables: style'],
  },
  {
    what: 'a table without names',
    name: 'bare.csv',
    content: 'a red fox in snow\na dog\n',
    prompts: ['a red fox in snow', 'a dog'],
    option: '--format txt',
  },
  {
    what: 'emoji and scripts from right to left',
    name: 'rtl.txt',
    content: '🦊 👩‍👩‍👧\nثعلب أحمر\n',
    prompts: ['🦊 👩‍👩‍👧', 'ثعلب أحمر'],
  },
];

/** Returns the options of `openJobsFiles` for an option of the command line. */
function optionsOf(text: string): OpenOptions {
  const [, name = '', value = ''] = /^--(\w+)(?: (.*))?$/.exec(text) ?? [];
  const [field = '', column = ''] = value.replaceAll("'", '').split('=');
  if (name === 'column') return { columns: new Map([[field, column]]) };
  return { [name]: name === 'variables' ? true : value };
}

async function openShape({ name, content }: Shape, options: OpenOptions): Promise<JobsFile> {
  const path = join(await folder(), name);
  await writeFile(path, content);
  const [file] = await openJobsFiles([path], options);
  if (file === undefined) throw new Error('no file');
  return file;
}

it.each(shapes)('$what: accepted as it is, or with the suggested option', async (shape) => {
  const { option } = shape;
  if (option !== undefined) {
    const refusal: unknown = await openShape(shape, {}).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(InputError);
    expect((refusal as InputError).message).toContain(option);
  }
  const file = await openShape(shape, option === undefined ? {} : optionsOf(option));
  const jobs = await gather(file.jobs());
  await file.close();
  expect(jobs.map(({ input }) => input.prompt)).toEqual(shape.prompts);
  if (shape.input) expect(jobs[0]?.input).toMatchObject(shape.input);
  if (shape.notices) expect(file.notices).toEqual(shape.notices);
});
