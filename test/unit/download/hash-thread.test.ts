import { createHash, randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { Hashes } from '../../../src/download/hashes.ts';
import { HashThread } from '../../../src/download/hash-thread.ts';

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
/** More than the ring holds. */
const large = randomBytes(5_000_000);

function* pieces(bytes: Uint8Array, length: number): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += length) yield bytes.subarray(at, at + length);
}

describe('HashThread', () => {
  const thread = new HashThread();
  afterAll(() => thread.close());

  async function hashOf(bytes: Uint8Array, length: number): Promise<string> {
    const hash = thread.begin();
    for (const piece of pieces(bytes, length)) {
      // What a socket gives is used again as soon as it may be.
      const borrowed = Uint8Array.from(piece);
      await hash.update(borrowed);
      borrowed.fill(0);
    }
    const digest = await hash.digest();
    hash.close();
    return digest;
  }

  it('takes the hash of each of many streams at once, however they are cut', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ size: fc.nat(3_000_000), length: fc.integer({ min: 20_000, max: 200_000 }) }), {
          maxLength: 6,
        }),
        async (streams) => {
          const all = streams.map(({ size }) => large.subarray(0, size));
          const digests = await Promise.all(all.map((bytes, n) => hashOf(bytes, streams[n]?.length ?? 1)));
          expect(digests).toEqual(all.map(sha256));
        },
      ),
      { numRuns: 20 },
    );
  });

  it('waits for what comes next, however often it is awake before it is told to wake', async () => {
    const bytes = large.subarray(0, 2_000_000);
    for (let round = 0; round < 4; round += 1) expect(await hashOf(bytes, 20)).toBe(sha256(bytes));
  });

  it('takes a piece that is larger than its ring', async () => {
    expect(await hashOf(large, large.length)).toBe(sha256(large));
  });

  it('forgets a stream that was given up, and goes on with others', async () => {
    const given = thread.begin();
    await given.update(large);
    given.close();
    expect(await hashOf(large, 65_536)).toBe(sha256(large));
  });

  it('tells everybody when it dies, also who waits for room', async () => {
    const dying = new HashThread(
      new URL(
        'data:text/javascript,import { setTimeout } from "node:timers/promises"; await setTimeout(200); throw new Error("out of order")',
      ),
    );
    const [waiting, asking] = [dying.begin(), dying.begin()];
    const ends = await Promise.allSettled([asking.digest(), waiting.update(large)]);
    expect(ends.map((end) => end.status === 'rejected' && String(end.reason))).toEqual(
      Array(2).fill('Error: out of order'),
    );
    expect(dying.isAlive).toBe(false);
    await expect((async () => waiting.update(Buffer.from('more')))()).rejects.toThrow('out of order');
    waiting.close();
  });
});

describe('Hashes', () => {
  it('are the same here and there, and go on after the thread has ended', async () => {
    const hashes = new Hashes();
    const bytes = large.subarray(0, 500_000);
    for (const announced of [bytes.length, undefined, 2_000_000]) {
      const hash = hashes.begin(announced);
      await hash.update(bytes);
      expect(await hash.digest()).toBe(sha256(bytes));
      await hashes.close();
    }
  });
});
