import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hashHere } from '../../../src/download/running-hash.ts';
import { WholeClip } from '../../../src/download/whole.ts';
import { boxBytes } from '../../support/mp4.ts';

const mp4 = Buffer.concat([Buffer.from([0, 0, 0, 24]), Buffer.from('ftypisom'), Buffer.alloc(500, 7)]);

async function* pieces(bytes: Buffer, cuts: readonly number[]): AsyncGenerator<Uint8Array> {
  let start = 0;
  for (const cut of [...cuts.map((at) => at % bytes.length).toSorted((a, b) => a - b), bytes.length]) {
    if (cut > start) yield bytes.subarray(start, cut);
    start = Math.max(start, cut);
  }
}

async function pass(clip: WholeClip, bytes: Buffer, cuts: readonly number[] = []): Promise<Buffer> {
  const out: Uint8Array[] = [];
  for await (const chunk of clip.check(pieces(bytes, cuts))) out.push(chunk);
  return Buffer.concat(out);
}

describe('WholeClip', () => {
  it('passes a whole clip unchanged, however it is cut, and knows its size and hash', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(), { maxLength: 20 }), async (cuts) => {
        const hash = hashHere();
        const clip = new WholeClip(mp4.length, hash);
        expect((await pass(clip, mp4, cuts)).equals(mp4)).toBe(true);
        expect(clip.size).toBe(mp4.length);
        expect(await hash.digest()).toBe(createHash('sha256').update(mp4).digest('hex'));
      }),
    );
  });

  it('takes a clip whose length nobody announced when it ends where a box does', async () => {
    const clip = Buffer.concat([boxBytes('ftyp', 16), boxBytes('moov', 200), boxBytes('mdat', 300)]);
    expect(await pass(new WholeClip(undefined, hashHere()), clip, [5, 100])).toHaveLength(clip.length);
    for (const end of [20, 27, 500, clip.length - 1]) {
      await expect(pass(new WholeClip(undefined, hashHere()), clip.subarray(0, end)), String(end)).rejects.toThrow(
        `cut off after ${end} bytes`,
      );
    }
  });

  it.each([0, 7])('refuses %i announced bytes before anything can be stored', (announced) => {
    expect(() => new WholeClip(announced, hashHere())).toThrow(`only ${announced} bytes`);
  });

  it.each([
    ['fewer bytes than announced', mp4.subarray(0, 100), mp4.length, '100 bytes came of 512'],
    ['more bytes than announced', mp4, 100, '512 bytes came of 100'],
    ['a page of HTML', Buffer.from('<!doctype html><title>Error</title>'), undefined, 'not an MP4'],
    ['next to nothing', Buffer.from('abc'), undefined, 'only 3 bytes'],
    ['nothing', Buffer.alloc(0), undefined, 'only 0 bytes'],
  ])('refuses %s', async (_what, bytes, announced, message) => {
    await expect(pass(new WholeClip(announced, hashHere()), bytes)).rejects.toThrow(message);
  });
});
