import { describe, expect, it } from 'vitest';
import { bounded } from '../../../src/download/bounds.ts';

/** A body whose pieces advance a fake clock by some milliseconds each. */
function body(pieces: readonly { afterMs: number; bytes: number }[]) {
  let now = 0;
  async function* pieceAfterPiece(): AsyncGenerator<Uint8Array> {
    for (const { afterMs, bytes } of pieces) {
      now += afterMs;
      yield Buffer.alloc(bytes);
    }
  }
  return { source: pieceAfterPiece(), now: () => now, pass: (ms: number) => (now += ms) };
}

async function read(source: AsyncIterable<Uint8Array>, each: () => void = () => {}): Promise<number> {
  let size = 0;
  for await (const piece of source) {
    size += piece.length;
    each();
  }
  return size;
}

const repeat = (times: number, piece: { afterMs: number; bytes: number }) => Array.from({ length: times }, () => piece);

describe('the bounds of a body', () => {
  it('end one that is too slow', async () => {
    const { source, now } = body(repeat(100, { afterMs: 1_000, bytes: 1 }));
    await expect(read(bounded(source, { maxBytes: 1e9, now }))).rejects.toMatchObject({ fault: 'slow' });
    expect(now()).toBe(30_000);
  });

  it('end one that becomes too slow', async () => {
    const { source, now } = body([{ afterMs: 100, bytes: 5e6 }, ...repeat(100, { afterMs: 1_000, bytes: 100 })]);
    await expect(read(bounded(source, { maxBytes: 1e9, now }))).rejects.toMatchObject({ fault: 'slow' });
    expect(now()).toBeLessThan(61_000);
  });

  it('accept a slow connection, and a slower storage', async () => {
    const slow = body(repeat(600, { afterMs: 1_000, bytes: 5_000 }));
    expect(await read(bounded(slow.source, { maxBytes: 1e9, now: slow.now }))).toBe(3e6);
    const quick = body(repeat(100, { afterMs: 1, bytes: 10 }));
    expect(await read(bounded(quick.source, { maxBytes: 1e9, now: quick.now }), () => quick.pass(60_000))).toBe(1_000);
  });

  it('end one that never ends', async () => {
    let sent = 0;
    async function* endless(): AsyncGenerator<Uint8Array> {
      for (;;) {
        sent += 1_000;
        yield Buffer.alloc(1_000);
      }
    }
    await expect(read(bounded(endless(), { maxBytes: 10_000 }))).rejects.toMatchObject({ fault: 'too-large' });
    expect(sent).toBe(11_000);
  });
});
