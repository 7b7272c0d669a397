import { readFileSync } from 'node:fs';
import type { GenerationInput } from './request-body.ts';
import type { Task } from './task.ts';

/*
 * The clips were made with ffmpeg 5.1, for SHAPE SIZE COLOURS HZ of
 *   16x9 640x360 c0=0x0b1d51:c1=0x2f80ed:c2=0xa8edea 196
 *   9x16 360x640 c0=0x3d0c45:c1=0xd6408b:c2=0xffc371 220
 *   1x1  480x480 c0=0x06352b:c1=0x1fa97a:c2=0xe6f5a9 165
 * and S of 5 and 10 seconds (x1, y1 are the far corner), by
 *   ffmpeg -f lavfi -i "gradients=s=SIZE:r=24:d=S:nb_colors=3:COLOURS:x0=0:y0=0:x1=X:y1=Y:speed=0.012:seed=26" \
 *     -f lavfi -i "aevalsrc='0.12*sin(2*PI*HZ*t)+0.08*sin(2*PI*HZ*1.5*t)+0.06*sin(2*PI*HZ*2*t+sin(PI*t))':s=32000:d=S,
 *       afade=t=in:d=0.6,afade=t=out:st=S-1:d=1" \
 *     -c:v libx264 -profile:v main -preset veryslow -tune animation -crf 30 -pix_fmt yuv420p -g 48 \
 *     -c:a aac -b:a 16k -ar 32000 -ac 1 -shortest -movflags +faststart -map_metadata -1 -fflags +bitexact \
 *     SHAPE-Ss-sound.mp4
 *   ffmpeg -i SHAPE-Ss-sound.mp4 -an -c:v copy -movflags +faststart -map_metadata -1 -fflags +bitexact \
 *     SHAPE-Ss-silent.mp4
 */

const fixtures = new Map<string, Buffer>();

function fixture(input: GenerationInput): Buffer {
  // The clip of an image has the aspect ratio of the image, which is not read here.
  const ratio = input.mode === 'image-to-video' ? '16:9' : (input.aspect_ratio ?? '1:1');
  const name = `${ratio.replace(':', 'x')}-${input.duration}s-${input.sound ? 'sound' : 'silent'}.mp4`;
  let bytes = fixtures.get(name);
  if (!bytes) {
    bytes = readFileSync(new URL(`clips/${name}`, import.meta.url));
    fixtures.set(name, bytes);
  }
  return bytes;
}

export interface Clip {
  readonly size: number;
  readonly etag: string;
  /** The first bytes of the clip. Zeros follow, up to its size. */
  readonly head: readonly Buffer[];
}

const BOX_HEADER = 8;

/**
 * Returns the n-th clip of a task: a fixture followed by an MP4 `free` box, which players skip. The box contains the
 * JSON `{taskId, prompt, n}` and zeros up to `bytes`, so that every clip is different and valid.
 * @param bytes size of the clip. Default: as large as its contents
 */
export function clipOf(task: Task, n: number, bytes: number | undefined): Clip {
  const video = fixture(task.input);
  const json = Buffer.from(JSON.stringify({ taskId: task.id, prompt: task.history.prompt, n }));
  const size = bytes ?? video.length + BOX_HEADER + json.length;
  const box = Buffer.alloc(BOX_HEADER + json.length);
  box.writeUInt32BE(size - video.length, 0);
  box.write('free', 4, 'latin1');
  json.copy(box, BOX_HEADER);
  return { size, etag: `"${task.id}-${n}-${size}"`, head: [video, box] };
}

/** The padding of all clips. */
const zeros = Buffer.alloc(512 * 1024);

/** Yields the bytes from `start` to `end`, exclusive, as views of existing buffers. */
export function* clipBytes(clip: Clip, start: number, end: number): Generator<Buffer, undefined> {
  let offset = 0;
  for (const part of clip.head) {
    const from = Math.max(start - offset, 0);
    const to = Math.min(end - offset, part.length);
    if (from < to) yield part.subarray(from, to);
    offset += part.length;
  }
  for (let at = Math.max(start, offset); at < end; at += zeros.length) {
    yield zeros.subarray(0, Math.min(zeros.length, end - at));
  }
  return undefined;
}
