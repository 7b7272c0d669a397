import { createHash } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openJobsFiles } from '../../../src/jobs/open-jobs-files.ts';
import { readQueueJob } from '../../../src/jobs/queue-job.ts';
import { expandJobs } from '../../../src/jobs/stream.ts';
import { images } from '../../support/images.ts';
import { folder } from './files.ts';
import { gather } from './gather.ts';
import { complaints } from './library.ts';

const nameOf = (bytes: Buffer, extension: string) => `${createHash('sha256').update(bytes).digest('hex')}.${extension}`;

/** Opens a jobs file with images in its folder. */
async function opened(text: string, name = 'jobs.yaml') {
  const path = await folder();
  await mkdir(join(path, 'shots'));
  await writeFile(join(path, 'shots/a.png'), images.png());
  await writeFile(join(path, 'copy of a.jpeg'), images.png());
  await writeFile(join(path, 'b.bin'), images.jpg());
  await writeFile(join(path, 'c.webp'), images.webp());
  await writeFile(join(path, 'page.png'), '<!doctype html>');
  await writeFile(join(path, 'empty.png'), '');
  await writeFile(join(path, 'huge.png'), Buffer.concat([images.png(), Buffer.alloc(10 * 1024 * 1024)]));
  await writeFile(join(path, name), text);
  const [file] = await openJobsFiles([join(path, name)]);
  if (file === undefined) throw new Error('no file');
  return { path, file, jobs: await gather(file.jobs()) };
}

const job = (fields: string) => `- {mode: image-to-video, prompt: x, ${fields}}\n`;

describe('local images of jobs', () => {
  it('are identified by their content: type, name and the id of the job', async () => {
    const { path, jobs, file } = await opened(
      job('image_files: [shots/a.png]') + job('image_files: [b.bin]') + job('image_files: [c.webp, b.bin]'),
    );
    expect(jobs.map(({ input }) => input)).toMatchObject([
      { image_files: [nameOf(images.png(), 'png')] },
      { image_files: [nameOf(images.jpg(), 'jpg')] },
      { image_files: [nameOf(images.webp(), 'webp'), nameOf(images.jpg(), 'jpg')] },
    ]);
    expect(jobs[0]?.images).toMatchObject([{ path: join(path, 'shots/a.png'), contentType: 'image/png' }]);
    expect(file.imageFiles).toBe(3);
    const elsewhere = await opened(job('image_files: ["copy of a.jpeg"]'));
    expect(elsewhere.jobs[0]?.id).toBe(jobs[0]?.id);
    expect(new Set(jobs.map(({ id }) => id)).size).toBe(3);
  });

  it('must be below the folder of their file, links resolved, unless allowed', async () => {
    const [inside, outside] = [await folder(), await folder()];
    await writeFile(join(outside, 'secret.png'), images.png());
    await writeFile(join(inside, '..a.png'), images.png());
    await symlink(join(outside, 'secret.png'), join(inside, 'link.png'));
    await symlink(join(inside, '..a.png'), join(inside, 'good.png'));
    execFileSync('mkfifo', [join(inside, 'pipe.png')]);
    const path = join(inside, 'jobs.yaml');
    const outsiders = [join(outside, 'secret.png'), `../${basename(outside)}/secret.png`, 'link.png'];
    for (const image of [...outsiders, 'pipe.png', '/dev/zero']) {
      await writeFile(path, job(`image_files: [${JSON.stringify(image)}]`));
      const reason = image === 'pipe.png' ? 'is not a regular file' : 'is outside the folder of the jobs';
      await expect(openJobsFiles([path]), image).rejects.toThrow(reason);
    }
    await writeFile(path, job('image_files: [..a.png, good.png]'));
    expect((await openJobsFiles([path]))[0]?.imageFiles).toBe(2);
    for (const image of outsiders) {
      await writeFile(path, job(`image_files: [${JSON.stringify(image)}]`));
      expect((await openJobsFiles([path], { allowImagesOutside: true }))[0]?.imageFiles, image).toBe(1);
    }
    await writeFile(path, job('image_files: [/dev/zero]'));
    await expect(openJobsFiles([path], { allowImagesOutside: true })).rejects.toThrow('is not a regular file');
  });

  it('combine with URLs, two in all, and replace those of the defaults', async () => {
    const url = 'https://example.com/1.png';
    const { jobs } = await opened(
      `defaults: {mode: image-to-video, image_files: [c.webp]}\njobs:\n- prompt: inherits\n` +
        `- {prompt: own, image_files: [b.bin]}\n- {prompt: url, image_urls: ["${url}"]}\n` +
        `- {prompt: both, image_urls: ["${url}"], image_files: [b.bin]}\n- {prompt: none, mode: text-to-video}\n`,
    );
    const [webp, jpg] = [nameOf(images.webp(), 'webp'), nameOf(images.jpg(), 'jpg')];
    expect(jobs.map(({ input }) => [input.prompt, 'image_urls' in input && input.image_urls])).toEqual([
      ['inherits', false],
      ['own', false],
      ['url', [url]],
      ['both', [url]],
      ['none', false],
    ]);
    expect(jobs.map(({ images: local = [] }) => local.map(({ name }) => name))).toEqual([[webp], [jpg], [], [jpg], []]);
  });

  it('are a path in a CSV cell, with spaces, or a JSON list', async () => {
    const { jobs } = await opened(
      'mode,prompt,image_files\nimage-to-video,x,copy of a.jpeg\nimage-to-video,y,"[""b.bin"", ""c.webp""]"\n',
      'jobs.csv',
    );
    expect(jobs.map(({ images: local }) => local?.length)).toEqual([1, 2]);
  });

  it('are refused with their place, all at once', async () => {
    const text =
      `jobs:\n${job('image_files: [none.png]')}${job('image_files: [page.png, empty.png]')}` +
      `${job('image_files: [huge.png]')}${job('image_files: [shots]')}` +
      job('image_urls: ["https://example.com/1", "https://example.com/2"], image_files: [b.bin]') +
      `${job('image_files: []')}${job('image_files: b.bin')}- {prompt: x, image_files: [b.bin]}\n` +
      `${job('sound: true')}${job('image_files: ["{n}.png"], matrix: {n: [1]}')}`;
    expect(await complaints(opened(text))).toEqual([
      'jobs.yaml:2:51: job #1: image_files[0]: `none.png`: there is no such file',
      'jobs.yaml:3:51: job #2: image_files[0]: `page.png`: is not a JPG, PNG or WebP image',
      'jobs.yaml:3:61: job #2: image_files[1]: `empty.png`: is empty',
      'jobs.yaml:4:51: job #3: image_files[0]: `huge.png`: has 10.0 MB; at most 10 MB are allowed',
      'jobs.yaml:5:51: job #4: image_files[0]: `shots`: is a folder',
      'jobs.yaml:6:114: job #5: image_files: takes two images at most, those of image_urls included',
      'jobs.yaml:7:50: job #6: image_files: needs one image at least',
      'jobs.yaml:8:50: job #7: image_files: must be a list of one or two paths',
      'jobs.yaml:10:3: job #9: image_urls: is required for image-to-video: a list of one or two URLs, or `image_files`',
      'jobs.yaml:11:51: job #10: image_files[0]: `{n}.png`: there is no such file',
      'jobs.yaml:11:51: job #10: image_files[0]: variables such as `{n}` do not work in paths',
    ]);
  });

  it('are refused once if they are in the defaults', async () => {
    const text = 'defaults: {mode: image-to-video, image_files: [none.png]}\njobs:\n- prompt: x\n- prompt: y\n';
    expect(await complaints(opened(text))).toEqual([
      'jobs.yaml:1:48: defaults.image_files[0]: `none.png`: there is no such file',
    ]);
  });

  it('are relative to the working folder in the library', async () => {
    const path = await folder();
    await writeFile(join(path, 'a.png'), images.png());
    const given = [{ mode: 'image-to-video' as const, prompt: 'x', image_files: ['a.png'] }];
    const [made] = await gather(expandJobs(given, { batch: 'b' }, { folder: path }));
    expect(made?.input).toMatchObject({ image_files: [nameOf(images.png(), 'png')] });
    expect(await complaints(gather(expandJobs(given, { batch: 'b' })))).toEqual([
      'job #1: image_files[0]: `a.png`: there is no such file',
    ]);
  });

  it('are refused from the queue, whose producers may be anywhere', () => {
    const input = { mode: 'image-to-video', prompt: 'x', image_files: ['a.png'] };
    expect(readQueueJob({ batch: 'b', id: 'i', input })).toEqual({
      ok: false,
      batch: 'b',
      id: 'i',
      message: expect.stringMatching(/^input\.image_files: .*image_urls/) as string,
    });
  });
});
