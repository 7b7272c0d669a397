import { expect, it } from 'vitest';
import { halfSipHash, randomHashKey, type HashKey } from '../../../src/jobs/compile/half-sip-hash.ts';

/** The key and the input of the reference vectors: the bytes 0, 1, 2, … */
const key: HashKey = [0x03020100, 0x07060504];
const input = '\u0100\u0302\u0504\u0706';

it.each([
  [0, '218d1f59b9b83cc8'],
  [1, '064f39ef7c50eb57'],
  [2, 'd5e78a175be52ea1'],
  [3, 'ce3e91358aa2bc25'],
])('the hash of %i units is that of the reference vectors', (units, expected) => {
  const { high, low } = halfSipHash(input.slice(0, units), key);
  const bytes = Buffer.alloc(8);
  bytes.writeUInt32LE(low, 0);
  bytes.writeUInt32LE(high, 4);
  expect(bytes.toString('hex')).toBe(expected);
});

it('another key gives another hash', () => {
  expect(halfSipHash('name', randomHashKey())).not.toEqual(halfSipHash('name', randomHashKey()));
});
