import { readFileSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';
import { z } from 'zod';

/** An answer of the API. */
export interface Answer {
  status: number;
  body: string | Buffer;
  headers?: Record<string, string>;
  /** Whether a task was made, and billed, behind it. */
  made?: boolean;
  /** The connection is closed instead. */
  reset?: boolean;
}

export type Answers = (about: { call: number; taskId: string; base: string }) => Answer;

/** The API's answers about one prompt; without a script they are as documented. */
export interface Script {
  post?: Answers;
  poll?: Answers;
}

export interface ScriptedApi {
  url: string;
  /** POSTs and polls of a prompt. */
  calls(prompt: string): { posts: number; polls: number; made: number };
  balance: (() => Answer) | undefined;
  /** The host of clips answers nothing but 503. */
  clipsDown: boolean;
  /** Tasks that were made behind all answers. */
  made(): number;
}

export function json(body: unknown, status = 200, more: Partial<Answer> = {}): Answer {
  return { status, body: typeof body === 'string' || body instanceof Buffer ? body : JSON.stringify(body), ...more };
}

const posted = z.object({ input: z.object({ prompt: z.string() }) });
const film = readFileSync(new URL('../../src/simulator/clips/16x9-5s-silent.mp4', import.meta.url));

/** An API with scripted answers: each prompt has a script of its own. */
export async function scriptedApi(scripts: ReadonlyMap<string, Script>): Promise<ScriptedApi> {
  const counts = new Map<string, { posts: number; polls: number; made: number }>();
  const prompts = new Map<string, string>();
  let tasks = 0;
  const countOf = (prompt: string) => {
    const found = counts.get(prompt) ?? { posts: 0, polls: 0, made: 0 };
    counts.set(prompt, found);
    return found;
  };
  const api: ScriptedApi = {
    url: '',
    calls: countOf,
    balance: undefined,
    clipsDown: false,
    made: () => [...counts.values()].reduce((sum, { made }) => sum + made, 0),
  };

  function send(response: ServerResponse, answer: Answer): void {
    if (answer.reset) return void response.socket?.resetAndDestroy();
    response.writeHead(answer.status, { 'content-type': 'application/json', ...answer.headers }).end(answer.body);
  }

  function post(prompt: string): Answer {
    const count = countOf(prompt);
    count.posts += 1;
    tasks += 1;
    const taskId = `task_${tasks}`;
    prompts.set(taskId, prompt);
    const script = scripts.get(prompt)?.post;
    const answer = script?.({ call: count.posts, taskId, base: api.url }) ?? {
      ...json({ code: 200, message: 'success', data: { taskId } }),
      made: true,
    };
    if (answer.made) count.made += 1;
    return answer;
  }

  function poll(taskId: string): Answer {
    const prompt = prompts.get(taskId);
    if (prompt === undefined) return json({ code: 404, message: 'Task not found' }, 404);
    const count = countOf(prompt);
    count.polls += 1;
    return (scripts.get(prompt)?.poll ?? documented)({ call: count.polls, taskId, base: api.url });
  }

  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const url = new URL(request.url ?? '/', 'http://api.test');
      if (url.pathname.startsWith('/clips/') && api.clipsDown) response.writeHead(503).end();
      else if (url.pathname.startsWith('/clips/')) response.writeHead(200, { 'content-length': film.length }).end(film);
      else if (request.method === 'POST') {
        send(response, post(posted.parse(JSON.parse(Buffer.concat(chunks).toString())).input.prompt));
      } else if (url.pathname.includes('/statusTask/')) send(response, poll(url.searchParams.get('taskId') ?? ''));
      else send(response, api.balance?.() ?? json('', 404));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  api.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return api;
}

/** A success as documented. */
export const documented: Answers = ({ taskId, base }) =>
  json({
    code: 200,
    message: 'success',
    data: { taskId, state: 'success', resultJson: JSON.stringify({ resultUrls: [`${base}/clips/${taskId}.mp4`] }) },
  });
