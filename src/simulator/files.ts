import type { IncomingMessage, ServerResponse } from 'node:http';
import { parseRange } from './byte-range.ts';
import { clipBytes, clipOf, type Clip } from './clips.ts';
import { chooseFileFault, clipHeaders, sendHalf, sendPage, sendTrickle } from './file-fault.ts';
import { header } from './request.ts';
import { sendBytes } from './send-bytes.ts';
import type { Task } from './task.ts';
import type { SimulatorContext } from './context.ts';

type Deps = Pick<SimulatorContext, 'settings' | 'timeline' | 'dice' | 'tasks' | 'urls' | 'recorder'>;

const path = /^\/files\/(\w+)\/([1-9])\.mp4\?sig=([\w.]+)(&direct=1)?$/;

/** GET and HEAD /files/{taskId}/{n}.mp4?sig=…: a host of clips, which knows signatures and no keys. */
export function serveFile(world: Deps, request: IncomingMessage, response: ServerResponse, url: string): void {
  const { settings, timeline, dice, tasks, urls, recorder } = world;
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
  // Having been sent on, it arrives: `[file:redirect]` without a count would otherwise go round in circles.
  const fault = direct === undefined ? chooseFileFault(task, dice) : undefined;
  if (fault === undefined) return sendRange(world, request, response, task, clip);
  if (fault === 'redirect') {
    response.writeHead(302, ['Location', `${url}&direct=1`, 'Content-Length', '0']);
    response.end();
  } else if (fault === 'short') sendHalf(response, clip, 'close');
  else if (fault === 'stall') sendHalf(response, clip, 'silence');
  else if (fault === 'slow') sendTrickle(response, clip, timeline, () => finish(world, response, task));
  else if (fault === 'chunked') {
    response.writeHead(200, clipHeaders(clip, 'chunked'));
    sendBytes(response, counted(world, clip, 0, clip.size), () => finish(world, response, task));
  } else sendPage(response, fault === 'html' ? 200 : Number(fault));
}

function sendRange(world: Deps, request: IncomingMessage, response: ServerResponse, task: Task, clip: Clip): void {
  const condition = header(request, 'if-range');
  const asked = condition === undefined || condition === clip.etag ? header(request, 'range') : undefined;
  const range = parseRange(asked, clip.size);
  if (range === 'unsatisfiable') {
    response.writeHead(416, ['Content-Range', `bytes */${clip.size}`, 'Content-Length', '0']);
    response.end();
    return;
  }
  const { start, end } = range ?? { start: 0, end: clip.size };
  const headers = clipHeaders(clip, end - start);
  if (range) headers.push('Content-Range', `bytes ${start}-${end - 1}/${clip.size}`);
  response.writeHead(range ? 206 : 200, headers);
  sendBytes(response, counted(world, clip, start, end), () => {
    if (end === clip.size) finish(world, response, task);
    else response.end();
  });
}

/** A download counts when its last byte has gone to the system. */
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
