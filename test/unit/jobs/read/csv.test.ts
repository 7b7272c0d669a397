import { describe, expect, it } from 'vitest';
import { read, wrong } from '../files.ts';

const faults = async (text: string) => (await wrong('x.csv', text)).map((line) => line.replace('x.csv:', ''));

describe('a CSV file', () => {
  it('has a job per row, with values by the type of their field', async () => {
    const text =
      '\ufeffid,prompt,mode,duration,sound,aspect_ratio,image_urls,provider,priority,copies,output\r\n' +
      'a,"one, ""two""\r\n\r\nthree",,10,FALSE,16:9,,value,3,2,{id}.x\r\n' +
      '\r\n' +
      'b," five"" x ",image-to-video,,,,https://example.com/1  https://example.com/2,,,,\n' +
      'c,six,image-to-video,,true,,"[""https://example.com/3""]",,,1,\n' +
      ',,,,,,,,,,\n' +
      '007,seven,,,,,,,,,';
    const jobs = await read('x.csv', text);
    expect(jobs.map((job) => [job.id, job.input.prompt, job.priority, job.provider, job.output])).toEqual([
      ['a', 'one, "two"\r\n\r\nthree', 3, 'value', 'a.x'],
      ['a-2', 'one, "two"\r\n\r\nthree', 3, 'value', 'a-2.x'],
      ['b', 'five" x', 100, 'auto', 'x/b.mp4'],
      ['c', 'six', 100, 'auto', 'x/c.mp4'],
      ['007', 'seven', 100, 'auto', 'x/007.mp4'],
    ]);
    expect(jobs[0]?.input).toMatchObject({ duration: 10, sound: false, aspect_ratio: '16:9' });
    expect(jobs[2]?.input).toMatchObject({ image_urls: ['https://example.com/1', 'https://example.com/2'] });
    expect(jobs[3]?.input).toMatchObject({ image_urls: ['https://example.com/3'], sound: true });
  });

  it('reports the places of mistakes, even below cells of several lines', async () => {
    const text =
      'prompt,duration,sound,image_urls\n"one\ntwo",7,x,\nthree,ten,,\n,5,,\n  a,5,,"[""https://example.com/1""]"\n';
    expect(await faults(text)).toEqual([
      '2:2: job #1: duration: must be 5 or 10',
      '2:3: job #1: sound: must be true or false',
      '4:2: job #2: duration: must be 5 or 10',
      '5:1: job #3: prompt: is required',
    ]);
  });

  it.each([
    [
      'columns that are misspelt, once',
      'prompt,promt,colour\na,b,c\nd,e,f\n',
      [
        '1:2: promt: unknown column `promt`: did you mean `prompt`? --column prompt=promt reads it as that field, --column x_promt=promt as a variable',
      ],
    ],
    ['a matrix', 'prompt,matrix\na,b\n', ['1:2: matrix: a table cannot have a matrix: use YAML, JSON or JSONL']],
    ['a column twice', 'prompt,id,prompt\na,b,c\n', ['1:3: prompt: column `prompt` appears twice: columns 1 and 3']],
    [
      'no prompts',
      'id,duration\na,5\n',
      [
        '1:1: the first row names the columns, but none is `prompt`: name the one with the prompts, --column prompt=COLUMN (the columns are `id`, `duration`), or add a row of names at the top',
      ],
    ],
    [
      'too few cells',
      'prompt,id\na\n',
      ['2:1: job #1: has 1 cell, but the first row has 2: leave cells empty, but keep the separators'],
    ],
    [
      'too many cells',
      'prompt,id\na,b,c\n',
      ['2:1: job #1: has 3 cells, but the first row has 2: text with a comma in it must be in quotes'],
    ],
    [
      'text behind a quote',
      'prompt,id\na,b c\nd,"e"f\ng,h\n',
      [
        '2:2: job b c: id: must be 1 to 128 letters, digits, ".", "_" or "-", and begin with a letter or digit; this one is `b c`',
        '3:2: job #2: text after a closing quote: write a quote inside quotes as two, ""',
      ],
    ],
    [
      'a quote inside a cell',
      'prompt,id\n"one\r\ntwo",b\n\nfive" x,d\n',
      ['5:1: job #2: a quote inside a cell: put the whole cell in quotes, and double each quote in it, ""'],
    ],
    ['an open quote', 'prompt,id\na,b\nc,"d\ne,f\n', ['3:2: job #2: a quote in this row is not closed']],
    ['an open quote in the first row', 'prompt,"id\na,b\n', ['1:2: a quote in this row is not closed']],
    [
      'a list that is broken',
      'prompt,mode,image_urls\na,image-to-video,"[""x"""\n',
      ['2:3: job #1: image_urls: invalid JSON at the end: expected "," or "]"'],
    ],
    ['no rows', 'prompt,id\n', [' has no jobs: write one per row, below the row with the names of the columns']],
  ])('is refused with %s', async (_, text, expected) => {
    expect(await faults(text)).toEqual(expected);
  });

  it('is refused with a row over 1 MB', async () => {
    const message = 'the row is longer than 1 MB: is a quote in it not closed?';
    expect(await faults(`prompt\n${'x'.repeat(1_100_000)}\n`)).toEqual([`2:1: job #1: ${message}`]);
    expect(await faults(`prompt,id\na,b\nc,"${'x,y\n'.repeat(400_000)}`)).toEqual([`3:2: job #2: ${message}`]);
  });
});
