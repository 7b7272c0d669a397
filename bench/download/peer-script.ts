import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { json } from 'node:stream/consumers';
import pLimit from 'p-limit';
import { Agent, type Dispatcher } from 'undici';

/*
 * peer-script.js FOLDER CONCURRENCY: downloads the URLs of its standard input to files, with undici and SHA-256 and
 * without any check, and prints the seconds: an estimate of the limit of one event loop of Node.
 */

const BLOCK = 256 * 1024;
const SYNC_BYTES = 32 * 1024 * 1024;

/** Collects a response in blocks. */
class Blocks implements Dispatcher.DispatchHandler {
  #controller: Dispatcher.DispatchController | undefined;
  #pieces: Uint8Array[] = [];
  #size = 0;
  #ended = false;
  #failure: Error | undefined;
  #wake: (() => void) | undefined;

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
  }

  onResponseData(controller: Dispatcher.DispatchController, piece: Uint8Array): void {
    this.#pieces.push(piece);
    this.#size += piece.length;
    if (this.#size < BLOCK) return;
    controller.pause();
    this.#wake?.();
  }

  onResponseEnd(): void {
    this.#ended = true;
    this.#wake?.();
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#failure = error;
    this.#wake?.();
  }

  /** Returns the next pieces; an empty array at the end. */
  async next(): Promise<Uint8Array[]> {
    while (this.#size < BLOCK && !this.#ended && !this.#failure) {
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
    if (this.#failure) throw this.#failure;
    const pieces = this.#pieces;
    this.#pieces = [];
    this.#size = 0;
    if (!this.#ended) this.#controller?.resume();
    return pieces;
  }
}

async function fetchFile(agent: Agent, url: URL, path: string): Promise<string> {
  const blocks = new Blocks();
  agent.dispatch({ origin: url.origin, path: url.pathname + url.search, method: 'GET' }, blocks);
  const file = await open(path, 'wx');
  const hash = createHash('sha256');
  let writing: Promise<unknown> = Promise.resolve();
  let syncing = Promise.resolve();
  let unsynced = 0;
  for (let pieces = await blocks.next(); pieces.length > 0; pieces = await blocks.next()) {
    for (const piece of pieces) {
      hash.update(piece);
      unsynced += piece.length;
    }
    await writing;
    writing = file.writev(pieces);
    if (unsynced < SYNC_BYTES) continue;
    await syncing;
    syncing = file.datasync();
    unsynced = 0;
  }
  await Promise.all([writing, syncing]);
  await file.sync();
  await file.close();
  return hash.digest('hex');
}

const [folder = '.', concurrency] = process.argv.slice(2);
const urls = (await json(process.stdin)) as string[];
const agent = new Agent();
const begun = performance.now();
await pLimit(Number(concurrency)).map(urls, (url, n) => fetchFile(agent, new URL(url), `${folder}/${n}.mp4`));
console.log((performance.now() - begun) / 1_000);
await agent.close();
