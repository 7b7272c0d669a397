import { afterEach } from 'vitest';
import { Agent, request, type Dispatcher } from 'undici';
import { startSimulator, type Simulator } from '../../../src/simulator/start-simulator.ts';
import type { SimulatorOptions } from '../../../src/simulator/options.ts';
import type { TaskRecord } from '../../../src/simulator/records.ts';

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

/** Registers a cleanup after the test. Cleanups run in reverse order. */
export function onEnd(close: () => Promise<void>): void {
  closers.push(close);
}

export const textInput = {
  mode: 'text-to-video',
  prompt: 'a serene waterfall',
  duration: 5,
  sound: true,
  aspect_ratio: '16:9',
};

export interface Answer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  text: string;
  /** The body as JSON; undefined if it is not JSON. */
  json: { code: number; message: string; data: Record<string, unknown> | null } | undefined;
}

export interface Harness {
  simulator: Simulator;
  agent: Agent;
  /** Sends a request, with a key unless `headers` has none. */
  send(method: Dispatcher.HttpMethod, path: string, options?: SendOptions): Promise<Answer>;
  post(body: unknown, options?: SendOptions): Promise<Answer>;
  /** Sends a text-to-video POST with this prompt. */
  create(prompt: string, input?: object): Promise<Answer>;
  /** Sends it. @returns the id of the task */
  createTask(prompt: string, input?: object, body?: object): Promise<string>;
  status(taskId: string): Promise<Answer>;
  /** Polls until the task has ended. @returns the `data` of the answer */
  ended(taskId: string): Promise<Record<string, unknown>>;
  /** Makes a task. @returns its result URLs */
  urlsOf(prompt: string, input?: object): Promise<string[]>;
  /** Fetches a result URL; `text` holds its bytes as latin1. */
  file(url: string, headers?: Record<string, string>, method?: Dispatcher.HttpMethod): Promise<Answer>;
}

export interface SendOptions {
  headers?: Record<string, string>;
  body?: string;
  signal?: AbortSignal;
}

/** Starts a simulator whose tasks end at once by default, and a client. Both are closed when the test ends. */
export async function startHarness(options: SimulatorOptions = {}): Promise<Harness> {
  const simulator = await startSimulator({ generationMs: { 5: [0, 0], 10: [0, 0] }, ...options });
  onEnd(() => simulator.close());
  const agent = new Agent({ connections: 20, pipelining: 1 });
  onEnd(() => agent.destroy());

  const harness: Harness = {
    simulator,
    agent,
    async send(method, path, { headers = { authorization: 'Bearer test-key' }, ...rest } = {}) {
      const answer = await request(simulator.url + path, { method, headers, dispatcher: agent, ...rest });
      const text = Buffer.from(await answer.body.arrayBuffer()).toString();
      return { status: answer.statusCode, headers: answer.headers, text, json: parse(text) };
    },
    post: (body, rest = {}) =>
      harness.send('POST', '/api/v1/generateTask/kling-2-6', {
        headers: { authorization: 'Bearer test-key', 'content-type': 'application/json' },
        body: typeof body === 'string' ? body : JSON.stringify(body),
        ...rest,
      }),
    create: (prompt, input = {}) => harness.post({ input: { ...textInput, prompt, ...input } }),
    async createTask(prompt, input = {}, body = {}) {
      const answer = await harness.post({ ...body, input: { ...textInput, prompt, ...input } });
      return String(answer.json?.data?.['taskId']);
    },
    status: (taskId) => harness.send('GET', `/api/v1/statusTask/kling-2-6?taskId=${taskId}`),
    async ended(taskId) {
      for (;;) {
        const data = (await harness.status(taskId)).json?.data;
        if (data?.['state'] === 'success' || data?.['state'] === 'failed') return data;
      }
    },
    async urlsOf(prompt, input = {}) {
      const data = await harness.ended(await harness.createTask(prompt, input));
      return (JSON.parse(String(data['resultJson'])) as { resultUrls: string[] }).resultUrls;
    },
    async file(url, headers = {}, method = 'GET') {
      const answer = await request(url, { method, headers, dispatcher: agent });
      const text = Buffer.from(await answer.body.arrayBuffer()).toString('latin1');
      return { status: answer.statusCode, headers: answer.headers, text, json: undefined };
    },
  };
  return harness;
}

function parse(text: string): Answer['json'] {
  try {
    return JSON.parse(text) as Answer['json'];
  } catch {
    return undefined;
  }
}

/** Makes requests until a condition holds, so that the simulator proceeds. Ends at the latest with the timeout of the test. */
export async function advanceUntil(harness: Harness, holds: () => boolean): Promise<void> {
  while (!holds()) await harness.send('GET', '/_simulator/faults');
}

export function theOnlyTask(harness: Harness): TaskRecord {
  const tasks = harness.simulator.records.tasks();
  const [task] = tasks;
  if (!task || tasks.length !== 1) throw new Error(`there are ${tasks.length} tasks`);
  return task;
}

/** Returns the code of the error with which a promise is rejected, or of its cause. */
export async function errorCode(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    const { code, cause } = error as { code?: string; cause?: { code?: string } };
    return code ?? cause?.code ?? String(error);
  }
  return 'no error';
}
