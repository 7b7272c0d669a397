import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ClipValidator } from '../../../src/download/clip-validator.ts';
import { boxBytes } from '../../support/mp4.ts';

const mp4 = Buffer.concat([boxBytes('ftyp', 16), boxBytes('moov', 200), boxBytes('mdat', 280)]);

async function* pieces(bytes: Buffer, cuts: readonly number[]): AsyncGenerator<Uint8Array> {
  let start = 0;
  for (const cut of [...cuts.map((at) => at % bytes.length).toSorted((a, b) => a - b), bytes.length]) {
    if (cut > start) yield bytes.subarray(start, cut);
    start = Math.max(start, cut);
  }
}

async function pass(clip: ClipValidator, bytes: Buffer, cuts: readonly number[] = []): Promise<Buffer> {
  const out: Uint8Array[] = [];
  for await (const chunk of clip.check(pieces(bytes, cuts))) out.push(chunk);
  return Buffer.concat(out);
}

describe('ClipValidator', () => {
  it('passes a complete clip unchanged, however it is split, with size and hash', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(), { maxLength: 20 }), async (cuts) => {
        const clip = new ClipValidator(mp4.length);
        expect((await pass(clip, mp4, cuts)).equals(mp4)).toBe(true);
        expect(clip.size).toBe(mp4.length);
        expect(clip.sha256()).toBe(createHash('sha256').update(mp4).digest('hex'));
      }),
    );
  });

  it('accepts a clip of unannounced length that ends at a box boundary', async () => {
    const clip = Buffer.concat([boxBytes('ftyp', 16), boxBytes('moov', 200), boxBytes('mdat', 300)]);
    expect(await pass(new ClipValidator(undefined), clip, [5, 100])).toHaveLength(clip.length);
    for (const end of [20, 27, 500, clip.length - 1]) {
      await expect(pass(new ClipValidator(undefined), clip.subarray(0, end)), String(end)).rejects.toThrow(
        `does not end after ${end} bytes`,
      );
    }
  });

  it.each([
    ['cut off in a box', mp4.subarray(0, 400)],
    ['cut off in the header of a box', mp4.subarray(0, 28)],
    ['followed by HTML', Buffer.concat([boxBytes('ftyp', 16), Buffer.from('<!doctype html><title>Error</title>')])],
    ['of an impossible box', Buffer.concat([boxBytes('ftyp', 16), Buffer.from([0, 0, 0, 3]), Buffer.from('moov')])],
  ])('withholds the end of an MP4 that is %s, even if its length is right', async (_what, bytes) => {
    const clip = new ClipValidator(bytes.length);
    let passed = 0;
    const reading = (async () => {
      for await (const piece of clip.check(pieces(bytes, [10, 100]))) passed += piece.length;
    })();
    await expect(reading).rejects.toMatchObject({ fault: 'unusable' });
    expect(passed).toBeLessThan(bytes.length);
  });

  it.each([0, 7])('refuses %i announced bytes before anything can be stored', (announced) => {
    expect(() => new ClipValidator(announced)).toThrow(`only ${announced} bytes`);
  });

  it.each([
    ['fewer bytes than announced', mp4.subarray(0, 100), mp4.length, 'received 100 bytes, 520 were announced'],
    ['more bytes than announced', mp4, 100, 'received 520 bytes, 100 were announced'],
    ['a page of HTML', Buffer.from('<!doctype html><title>Error</title>'), undefined, 'not an MP4'],
    ['next to nothing', Buffer.from('abc'), undefined, 'only 3 bytes'],
    ['nothing', Buffer.alloc(0), undefined, 'only 0 bytes'],
  ])('refuses %s', async (_what, bytes, announced, message) => {
    await expect(pass(new ClipValidator(announced), bytes)).rejects.toThrow(message);
  });
});
