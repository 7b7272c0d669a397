/**
 * The script that a user would write without clipmill: fetch, p-limit and a loop, all in memory. It keeps the slots
 * full, polls as documented and repeats refused requests. It has none of the guarantees: no shared limits, no ledger, no
 * recovery. With clips of 10 s it exceeds the request limit.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pLimit from 'p-limit';
import { jobs, PUBLISHED, type Scenario } from './scenario.ts';

const scenario = JSON.parse(process.argv[2] ?? '{}') as Scenario;
const setting = (name: string) => process.env[name] ?? '';
const api = `${setting('APIXO_BASE_URL')}/api/v1`;
const headers = { authorization: 'Bearer key', 'content-type': 'application/json' };
const pollDelayMs = Number.parseFloat(setting('CLIPMILL_POLL_DELAY'));
const pollIntervalMs = Number.parseFloat(setting('CLIPMILL_POLL_INTERVAL'));
const folder = join(setting('CLIPMILL_STORAGE').replace('file:', ''), 'bench');

/** Repeats a request until the API accepts it. @returns the data of the answer */
async function request<T>(path: string, init?: RequestInit): Promise<T> {
  for (;;) {
    const answer = await fetch(`${api}/${path}`, { ...init, headers });
    const { data } = (await answer.json()) as { data: T };
    if (answer.ok) return data;
    await sleep(pollIntervalMs);
  }
}

async function generate(id: string, prompt: string, duration: number): Promise<void> {
  const input = { mode: 'text-to-video', prompt, duration, sound: true, aspect_ratio: '1:1' };
  const body = JSON.stringify({ request_type: 'async', input });
  const { taskId } = await request<{ taskId: string }>('generateTask/kling-2-6', { method: 'POST', body });
  await sleep(pollDelayMs);
  for (;;) {
    const status = await request<{ state: string; resultJson: string }>(`statusTask/kling-2-6?taskId=${taskId}`);
    if (status.state === 'success') {
      downloads.push(
        downloading(() =>
          download(id, (JSON.parse(status.resultJson) as { resultUrls: string[] }).resultUrls[0] ?? ''),
        ),
      );
      return;
    }
    await sleep(pollIntervalMs);
  }
}

async function download(id: string, url: string): Promise<void> {
  const answer = await fetch(url);
  await writeFile(join(folder, `${id}.mp4`), Buffer.from(await answer.arrayBuffer()));
}

const downloads: Promise<void>[] = [];
const downloading = pLimit(16);
const slots = pLimit(PUBLISHED.tasks);
await mkdir(folder, { recursive: true });
await slots.map(jobs(scenario), ({ id, prompt, duration }) => generate(id ?? '', prompt ?? '', duration ?? 5));
await Promise.all(downloads);
process.stdout.write(`${Date.now()}\n`);
// Keeps running until its resource usage is measured.
await sleep(60_000);
