import type { IncomingMessage, ServerResponse } from 'node:http';
import { header, parseRange, sendBytes } from './http.ts';
import { clipBytes, clipOf, type Clip } from './clips.ts';
import type { FaultInjector } from './faults.ts';
import type { Task } from './task.ts';
import type { Timeline } from './timeline.ts';
import type { SimulatorContext } from './context.ts';

type Deps = Pick<SimulatorContext, 'settings' | 'timeline' | 'injector' | 'tasks' | 'urls' | 'recorder'>;

/** Number of pieces of a slow clip. */
const TRICKLE_PIECES = 20;
/** Pause between two of them, in milliseconds. */
const TRICKLE_MS = 100;

const path = /^\/files\/(\w+)\/([1-9])\.mp4\?sig=([\w.]+)(&direct=1)?$/;

/** Serves GET and HEAD /files/{taskId}/{n}.mp4?sig=…, which require a signature instead of a key. */
export function serveFile(context: Deps, request: IncomingMessage, response: ServerResponse, url: string): void {
  const { settings, timeline, injector, tasks, urls, recorder } = context;
  recorder.files.requests++;
  if (header(request, 'authorization') !== undefined) recorder.leak(url.split('?', 1)[0] ?? '');
  if (request.method !== 'GET' && request.method !== 'HEAD') return sendXml(response, 405, 'MethodNotAllowed');
  const [, id = '', n = '', signature = '', direct] = path.exec(url) ?? [];
  if (!urls.valid(id, Number(n), signature)) return sendXml(response, 403, 'AccessDenied');
  const task = tasks.get(id);
  if (!task) return sendXml(response, 404, 'NoSuchKey');
  const clip = clipOf(task, Number(n), settings.clipBytes);
  if (request.method === 'HEAD') {
    response.writeHead(200, clipHeaders(clip));
    response.end();
    return;
  }
  // No fault after a redirect: `[file:redirect]` without a count would redirect forever.
  const fault = direct === undefined ? chooseFileFault(task, injector) : undefined;
  if (fault === undefined) return sendRange(context, request, response, task, clip);
  if (fault === 'redirect') {
    response.writeHead(302, ['Location', `${url}&direct=1`, 'Content-Length', '0']);
    response.end();
  } else if (fault === 'short') sendHalf(response, clip, 'close');
  else if (fault === 'stall') sendHalf(response, clip, 'silence');
  else if (fault === 'slow') sendTrickle(response, clip, timeline, () => finish(context, response, task));
  else if (fault === 'chunked') {
    response.writeHead(200, clipHeaders(clip, 'chunked'));
    sendBytes(response, counted(context, clip, 0, clip.size), () => finish(context, response, task));
  } else sendPage(response, fault === 'html' ? 200 : Number(fault));
}

function sendRange(context: Deps, request: IncomingMessage, response: ServerResponse, task: Task, clip: Clip): void {
  const condition = header(request, 'if-range');
  const requested = condition === undefined || condition === clip.etag ? header(request, 'range') : undefined;
  const range = parseRange(requested, clip.size);
  if (range === 'unsatisfiable') {
    response.writeHead(416, ['Content-Range', `bytes */${clip.size}`, 'Content-Length', '0']);
    response.end();
    return;
  }
  const { start, end } = range ?? { start: 0, end: clip.size };
  const headers = clipHeaders(clip, end - start);
  if (range) headers.push('Content-Range', `bytes ${start}-${end - 1}/${clip.size}`);
  response.writeHead(range ? 206 : 200, headers);
  sendBytes(response, counted(context, clip, start, end), () => {
    if (end === clip.size) finish(context, response, task);
    else response.end();
  });
}

/** Counts a download when the last byte is handed to the operating system. */
function finish({ recorder }: Deps, response: ServerResponse, task: Task): void {
  response.end(() => {
    recorder.files.complete++;
    task.downloads++;
  });
}

function* counted({ recorder }: Deps, clip: Clip, start: number, end: number): Generator<Buffer, undefined> {
  for (const piece of clipBytes(clip, start, end)) {
    recorder.files.bytes += piece.length;
    yield piece;
  }
  return undefined;
}

function sendXml(response: ServerResponse, status: number, code: string): void {
  const body = `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code></Error>`;
  response.writeHead(status, ['Content-Type', 'application/xml', 'Content-Length', String(body.length)]);
  response.end(body);
}

/** Returns the fault of this request: a status, or html, short, stall, slow, chunked or redirect. */
function chooseFileFault(task: Task, injector: FaultInjector): string | undefined {
  const marker = injector.marker(task.history, 'file');
  if (marker) return marker.value;
  if (injector.fires('file500')) return '500';
  if (injector.fires('fileShort')) return 'short';
  if (injector.fires('fileStall')) return 'stall';
  return undefined;
}

/** Sends an HTML page instead of a clip. */
function sendPage(response: ServerResponse, status: number): void {
  const title = status === 200 ? 'Please wait' : `Error ${status}`;
  const body = `<!doctype html><html><head><title>${title}</title></head><body><h1>${title}</h1></body></html>\n`;
  response.writeHead(status, ['Content-Type', 'text/html', 'Content-Length', String(body.length)]);
  response.end(body);
}

/** Sends the Content-Length of the whole clip and half of its bytes, then closes the connection or stalls. */
function sendHalf(response: ServerResponse, clip: Clip, then: 'close' | 'silence'): void {
  response.writeHead(200, clipHeaders(clip));
  sendBytes(response, clipBytes(clip, 0, clip.size >> 1), () => {
    // Ends after the write queue, so that the bytes are sent first.
    if (then === 'close') response.socket?.end();
  });
}

/** Sends the whole clip in 20 pieces, 100 ms apart. */
function sendTrickle(response: ServerResponse, clip: Clip, timeline: Timeline, done: () => void): void {
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

function clipHeaders(clip: Clip, length: number | 'chunked' = clip.size): string[] {
  const headers = ['Content-Type', 'video/mp4', 'Accept-Ranges', 'bytes', 'ETag', clip.etag];
  if (length !== 'chunked') headers.push('Content-Length', String(length));
  return headers;
}
