import { mkdtemp, open, readFile, rm, type FileHandle } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { writeAll, writeNewFile } from '../../../../src/storage/file/new-file.ts';

/** A new file that is open until the test has ended. */
async function newFile(): Promise<{ path: string; file: FileHandle }> {
  const folder = await mkdtemp(join(tmpdir(), 'clipmill-new-file-'));
  const path = join(folder, 'a.part');
  const file = await open(path, 'wx');
  onTestFinished(async () => {
    await file.close();
    await rm(folder, { recursive: true, force: true });
  });
  return { path, file };
}

/** Bytes that differ from place to place. */
const numbered = (size: number) => Buffer.from(Uint8Array.from({ length: size }, (_, n) => (n * 7) % 251));

async function* pieces(bytes: Buffer, each: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += each) yield bytes.subarray(at, at + each);
}

describe('writing a new file', () => {
  it.each([
    ['nothing', 0, 1],
    ['less than a block', 1_000, 7],
    ['blocks and a rest', 1_000_000, 65_536],
    ['stretches that are synced early', 70_000_000, 300_000],
  ])('keeps every byte in its place: %s', async (_what, size, each) => {
    const { path, file } = await newFile();
    const bytes = numbered(size);
    expect(await writeNewFile(file, pieces(bytes, each))).toBe(size);
    expect((await readFile(path)).equals(bytes)).toBe(true);
  });

  it('continues after partial writes', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ maxLength: 50 })),
        fc.array(fc.integer({ min: 1, max: 30 })),
        async (given, takes) => {
          const written: Uint8Array[] = [];
          const take = (bytes: Uint8Array) => {
            const taken = bytes.slice(0, takes.shift() ?? bytes.length);
            written.push(taken);
            return Promise.resolve({ bytesWritten: taken.length });
          };
          const all = Buffer.concat(given);
          const short = {
            writev: (list: readonly Uint8Array[]) => take(Buffer.concat(list)),
            write: (bytes: Uint8Array, from: number) => take(bytes.subarray(from)),
          };
          await writeAll(short, given, all.length);
          expect(Buffer.concat(written).equals(all)).toBe(true);
        },
      ),
    );
  });

  it('throws the error of its stream', async () => {
    const { file } = await newFile();
    async function* breaks(): AsyncGenerator<Uint8Array> {
      yield numbered(300_000);
      await Promise.reject(new Error('the source broke'));
    }
    await expect(writeNewFile(file, breaks())).rejects.toThrow('the source broke');
  });
});
