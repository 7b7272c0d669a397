import { readdirSync, statSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { startHarness } from './support.ts';

/** Returns the top-level boxes of an MP4, by their sizes. */
function boxesOf(file: Buffer): { type: string; start: number; size: number }[] {
  const boxes = [];
  for (let start = 0; start < file.length;) {
    const size = file.readUInt32BE(start);
    if (size < 8) throw new Error(`a box of ${size} bytes at ${start}`);
    boxes.push({ type: file.toString('latin1', start + 4, start + 8), start, size });
    start += size;
  }
  return boxes;
}

function boxAt(file: Buffer, type: string): Buffer {
  const box = boxesOf(file).find((candidate) => candidate.type === type);
  if (!box) throw new Error(`there is no ${type} box`);
  return file.subarray(box.start + 8, box.start + box.size);
}

/** Returns the duration in seconds, from the movie header (version 0). */
function secondsOf(file: Buffer): number {
  const header = boxAt(boxAt(file, 'moov'), 'mvhd');
  return header.readUInt32BE(16) / header.readUInt32BE(12);
}

/** Returns the size of the picture, and the tracks. */
function tracksOf(file: Buffer) {
  const movie = boxAt(file, 'moov');
  return boxesOf(movie)
    .filter(({ type }) => type === 'trak')
    .map(({ start, size }) => {
      const track = movie.subarray(start + 8, start + size);
      const header = boxAt(track, 'tkhd');
      const handler = boxAt(boxAt(track, 'mdia'), 'hdlr').toString('latin1', 8, 12);
      return { handler, width: header.readUInt32BE(76) >> 16, height: header.readUInt32BE(80) >> 16 };
    });
}

const shapes = ['16:9', '9:16', '1:1'].flatMap((ratio) =>
  [5, 10].flatMap((duration) => [true, false].map((sound) => ({ aspect_ratio: ratio, duration, sound }))),
);

describe('clips', () => {
  it.each(shapes)('is an MP4 of its shape: %j', async (input) => {
    const harness = await startHarness();
    const [url = ''] = await harness.urlsOf('a fox in snow', input);
    const answer = await harness.file(url);
    const file = Buffer.from(answer.text, 'latin1');
    expect(answer.headers['content-length']).toBe(String(file.length));

    const boxes = boxesOf(file);
    expect(boxes.map(({ type }) => type)).toEqual(['ftyp', 'moov', 'free', 'mdat', 'free']);
    expect(boxes.reduce((sum, { size }) => sum + size, 0)).toBe(file.length);
    expect(secondsOf(file)).toBeCloseTo(input.duration, 1);
    const [picture, ...others] = tracksOf(file);
    expect(picture).toMatchObject({ handler: 'vide' });
    expect((picture?.width ?? 0) / (picture?.height ?? 0)).toBeCloseTo(
      Number(input.aspect_ratio.split(':')[0]) / Number(input.aspect_ratio.split(':')[1]),
      2,
    );
    expect(others.map(({ handler }) => handler)).toEqual(input.sound ? ['soun'] : []);
  });

  it('contains task and prompt, so that no two are equal', async () => {
    const harness = await startHarness();
    const prompt = 'a fox "in" snow ❄';
    const [url = ''] = await harness.urlsOf(prompt);
    const file = Buffer.from((await harness.file(url)).text, 'latin1');
    const last = boxesOf(file).at(-1);
    const [task] = harness.simulator.records.tasks();
    expect(JSON.parse(file.toString('utf8', (last?.start ?? 0) + 8))).toEqual({ taskId: task?.taskId, prompt, n: 1 });
    const [other = ''] = await harness.urlsOf(prompt);
    expect((await harness.file(other)).text).not.toBe(file.toString('latin1'));
  });

  it('is padded to exactly the requested size, and still complete', async () => {
    const clipBytes = 2_345_678;
    const harness = await startHarness({ clipBytes });
    for (const prompt of ['a fox', '🦊'.repeat(1_000)]) {
      const [url = ''] = await harness.urlsOf(prompt);
      const file = Buffer.from((await harness.file(url)).text, 'latin1');
      expect(file.length).toBe(clipBytes);
      const last = boxesOf(file).at(-1);
      expect(last?.type).toBe('free');
      const box = file.subarray((last?.start ?? 0) + 8).toString('utf8');
      expect(JSON.parse(box.replace(/\0+$/, ''))).toMatchObject({ prompt });
    }
  });

  it('fits the smallest size allowed, with the longest prompt', async () => {
    const harness = await startHarness({ clipBytes: 98_304 });
    const [url = ''] = await harness.urlsOf('\u0001'.repeat(1_000), { aspect_ratio: '1:1', duration: 10 });
    expect(boxesOf(Buffer.from((await harness.file(url)).text, 'latin1')).at(-1)?.type).toBe('free');
  });

  it('has small fixtures', () => {
    const folder = new URL('../../../src/simulator/clips/', import.meta.url);
    const sizes = readdirSync(folder).map((name) => statSync(new URL(name, folder)).size);
    expect(sizes).toHaveLength(12);
    expect(Math.max(...sizes)).toBeLessThan(80_000);
  });
});

it('is landscape when it is made from an image', async () => {
  const harness = await startHarness();
  const [url = ''] = await harness.urlsOf('animate', {
    mode: 'image-to-video',
    aspect_ratio: undefined,
    image_urls: ['https://example.com/ref.jpg'],
  });
  expect(tracksOf(Buffer.from((await harness.file(url)).text, 'latin1'))[0]).toMatchObject({ width: 640, height: 360 });
});
