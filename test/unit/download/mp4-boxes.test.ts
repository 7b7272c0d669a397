import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Mp4Boxes } from '../../../src/download/mp4-boxes.ts';
import { boxBytes } from '../../support/mp4.ts';

/** Passes the bytes in pieces that end at `cuts`. */
function passed(bytes: Buffer, cuts: readonly number[] = []): Mp4Boxes {
  const boxes = new Mp4Boxes();
  const ends = cuts.map((cut) => cut % (bytes.length + 1)).toSorted((a, b) => a - b);
  let start = 0;
  for (const end of [...ends, bytes.length]) {
    boxes.pass(bytes.subarray(start, end));
    start = end;
  }
  return boxes;
}

const box = fc.record({ body: fc.nat({ max: 40 }), long: fc.boolean() });
const cuts = fc.array(fc.nat(), { maxLength: 10 });

describe('the boxes of an MP4', () => {
  it('end the file only at a box boundary, however the file is split', () => {
    fc.assert(
      fc.property(fc.array(box, { minLength: 1, maxLength: 6 }), fc.nat(), cuts, (shapes, somewhere, pieces) => {
        const boxes = shapes.map(({ body, long }) => boxBytes('free', body, { long }));
        const file = Buffer.concat(boxes);
        expect(passed(file, pieces).mayEnd).toBe(true);
        const ends = new Set(boxes.map((_box, n) => Buffer.concat(boxes.slice(0, n)).length));
        const end = somewhere % file.length;
        expect(passed(file.subarray(0, end), pieces).mayEnd, `cut at ${end}`).toBe(ends.has(end));
      }),
    );
  });

  it('end the file anywhere in a box of open length, after its header', () => {
    const file = Buffer.concat([boxBytes('ftyp', 12), boxBytes('mdat', 30, { open: true })]);
    expect(passed(file).mayEnd).toBe(true);
    expect(passed(file.subarray(0, 35)).mayEnd).toBe(true);
    expect(passed(file.subarray(0, 27)).mayEnd).toBe(false);
  });

  it('may be larger than 4 GB', () => {
    const header = boxBytes('mdat', 0, { long: true });
    header.writeBigUInt64BE(5_000_000_016n, 8);
    const boxes = passed(header);
    const piece = Buffer.alloc(100_000_000);
    for (let n = 1; n < 50; n += 1) boxes.pass(piece);
    expect(boxes.mayEnd).toBe(false);
    boxes.pass(piece);
    expect(boxes.mayEnd).toBe(true);
  });

  it.each([
    ['a size that does not hold its header', boxBytes('free', -1)],
    ['a long size that does not', boxBytes('free', -1, { long: true })],
  ])('are not of %s', (_what, bytes) => {
    expect(() => passed(bytes)).toThrow('not an MP4');
  });
});
