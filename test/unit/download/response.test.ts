import type { Dispatcher } from 'undici';
import { describe, expect, it } from 'vitest';
import { Response } from '../../../src/download/response.ts';

/** The connection as undici hands it to a response. */
class Connection implements Dispatcher.DispatchController {
  paused = false;
  aborted = false;
  reason: Error | null = null;

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
  }

  abort(reason: Error): void {
    this.aborted = true;
    this.reason = reason;
  }
}

const piece = Buffer.alloc(65_536);

describe('a response', () => {
  it('pauses its connection while 256 kB wait, and resumes it when they are read', async () => {
    const controller = new Connection();
    const response = new Response(undefined);
    response.onRequestStart(controller);
    response.onResponseStart(controller, 200, {});
    let sent = 0;
    for (; !controller.paused; sent += piece.length) response.onResponseData(controller, piece);
    expect(sent).toBe(262_144);
    for (let read = 0; controller.paused; read += 1) {
      expect(read).toBeLessThan(4);
      await response.next();
    }
    response.onResponseEnd();
    let rest = 0;
    for await (const { length } of response) rest += length;
    expect(rest).toBe(0);
    expect(controller.aborted).toBe(false);
  });

  it('has its final head, and its pieces before the error that ends them', async () => {
    const controller = new Connection();
    const response = new Response(undefined);
    response.onRequestStart(controller);
    response.onResponseStart(controller, 103, {});
    response.onResponseStart(controller, 200, { etag: 'x' });
    expect(await response.head()).toEqual({ status: 200, headers: { etag: 'x' } });
    response.onResponseData(controller, piece);
    response.onResponseError(controller, new Error('reset'));
    expect((await response.next()).value).toBe(piece);
    await expect(response.next()).rejects.toThrow('reset');
  });

  it('ends at once when it is aborted: before it is sent, before its head and within its body', async () => {
    const reason = new Error('drain');
    const early = new Response(AbortSignal.abort(reason));
    const first = new Connection();
    early.onRequestStart(first);
    expect(first.reason).toBe(reason);
    await expect(early.head()).rejects.toBe(reason);

    for (const withHead of [false, true]) {
      const abort = new AbortController();
      const controller = new Connection();
      const response = new Response(abort.signal);
      response.onRequestStart(controller);
      if (withHead) response.onResponseStart(controller, 200, {});
      const waiting = withHead ? response.next() : response.head();
      abort.abort(reason);
      await expect(waiting).rejects.toBe(reason);
      expect(controller.reason).toBe(reason);
    }
  });
});
