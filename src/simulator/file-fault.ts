import type { ServerResponse } from 'node:http';
import { clipBytes, type Clip } from './clips.ts';
import type { Dice } from './dice.ts';
import { sendBytes } from './send-bytes.ts';
import type { Task } from './task.ts';
import type { Timeline } from './timeline.ts';

const TRICKLE_PIECES = 20;
const TRICKLE_MS = 100;

/** What goes wrong with this GET of a clip: a status, or html, short, stall, slow, chunked, redirect. */
export function chooseFileFault(task: Task, dice: Dice): string | undefined {
  const marker = dice.marker(task.history, 'file');
  if (marker) return marker.value;
  if (dice.strikes('file500')) return '500';
  if (dice.strikes('fileShort')) return 'short';
  if (dice.strikes('fileStall')) return 'stall';
  return undefined;
}

/** An answer that is no clip at all, for `html` and statuses. */
export function sendPage(response: ServerResponse, status: number): void {
  const title = status === 200 ? 'Please wait' : `Error ${status}`;
  const body = `<!doctype html><html><head><title>${title}</title></head><body><h1>${title}</h1></body></html>\n`;
  response.writeHead(status, ['Content-Type', 'text/html', 'Content-Length', String(body.length)]);
  response.end(body);
}

/** A promise of the whole, half of it, then the end of the connection, or silence. */
export function sendHalf(response: ServerResponse, clip: Clip, then: 'close' | 'silence'): void {
  response.writeHead(200, clipHeaders(clip));
  sendBytes(response, clipBytes(clip, 0, clip.size >> 1), () => {
    // Through the write queue, so that the close does not overtake the bytes.
    if (then === 'close') response.socket?.end();
  });
}

/** All of it in 20 pieces, 100 ms apart. */
export function sendTrickle(response: ServerResponse, clip: Clip, timeline: Timeline, done: () => void): void {
  response.writeHead(200, clipHeaders(clip));
  const length = Math.ceil(clip.size / TRICKLE_PIECES);
  const sendFrom = (start: number): void => {
    if (response.destroyed) return;
    if (start >= clip.size) return done();
    sendBytes(response, clipBytes(clip, start, Math.min(start + length, clip.size)), () =>
      timeline.after(TRICKLE_MS, () => sendFrom(start + length)),
    );
  };
  sendFrom(0);
}

export function clipHeaders(clip: Clip, length: number | 'chunked' = clip.size): string[] {
  const headers = ['Content-Type', 'video/mp4', 'Accept-Ranges', 'bytes', 'ETag', clip.etag];
  if (length !== 'chunked') headers.push('Content-Length', String(length));
  return headers;
}
