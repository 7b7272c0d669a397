import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { onEnd, startHarness, theOnlyTask, advanceUntil, type Harness } from './support.ts';

interface Call {
  path: string;
  type: string | undefined;
  body: string;
}

/** A receiver that answers with `statuses` in order, then with 200; null is no answer. */
async function startReceiver(...statuses: (number | null)[]) {
  const calls: Call[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (text: string) => (body += text));
    request.on('end', () => {
      calls.push({ path: `${request.method} ${request.url}`, type: request.headers['content-type'], body });
      const status = statuses.length > 0 ? statuses.shift() : 200;
      if (typeof status === 'number') response.writeHead(status).end('ok');
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onEnd(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });
  return { calls, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/done/` };
}

const createWithCallback = (harness: Harness, prompt: string, url: string) =>
  harness.createTask(prompt, {}, { request_type: 'callback', callback_url: url + encodeURIComponent(prompt) });

const delivered = (harness: Harness, count: number) =>
  advanceUntil(harness, () => harness.simulator.records.deliveries.length >= count);

describe('callbacks', () => {
  it('send the status body when a task ends, and count as seen', async () => {
    const receiver = await startReceiver();
    const harness = await startHarness();
    const taskId = await createWithCallback(harness, 'fox', receiver.url);
    await delivered(harness, 1);
    const task = theOnlyTask(harness);
    expect(task.callbackUrl).toBe(`${receiver.url}fox`);
    expect(task.firstSeenEndedAt).toBe(harness.simulator.records.deliveries[0]?.at);
    expect(receiver.calls).toEqual([
      { path: 'POST /done/fox', type: 'application/json', body: (await harness.status(taskId)).text },
    ]);
    expect(harness.simulator.records.deliveries).toEqual([{ taskId, attempt: 1, at: expect.any(Number), status: 200 }]);
  });

  it('report failures too', async () => {
    const receiver = await startReceiver();
    const harness = await startHarness();
    await createWithCallback(harness, '[fail:NSFW]', receiver.url);
    await delivered(harness, 1);
    expect(JSON.parse(receiver.calls[0]?.body ?? '')).toMatchObject({ data: { state: 'failed', failCode: 'NSFW' } });
  });

  it('are not sent for tasks that did not ask for them', async () => {
    const receiver = await startReceiver();
    const harness = await startHarness();
    await harness.ended(await harness.createTask('async'));
    await createWithCallback(harness, 'callback', receiver.url);
    await delivered(harness, 1);
    expect(receiver.calls.map(({ path }) => path)).toEqual(['POST /done/callback']);
  });

  it('are tried again after 30 s, 2 min and 10 min, divided by speed, unless the answer is exactly 200', async () => {
    const receiver = await startReceiver(204, 500, 302);
    const harness = await startHarness({ speed: 2_000 });
    await createWithCallback(harness, 'fox', receiver.url);
    await delivered(harness, 4);
    const { deliveries } = harness.simulator.records;
    expect(deliveries.map(({ attempt, status }) => [attempt, status])).toEqual([
      [1, 204],
      [2, 500],
      [3, 302],
      [4, 200],
    ]);
    const gaps = deliveries.slice(1).map(({ at }, i) => at - (deliveries[i]?.at ?? 0));
    for (const [i, wait] of [15, 60, 300].entries()) expect(gaps[i]).toBeGreaterThanOrEqual(wait);
    expect(harness.simulator.records.summary().callbacks).toEqual({ sent: 4, accepted: 1, refused: 3, givenUp: 0 });
  });

  it('are abandoned after the third retry', async () => {
    const receiver = await startReceiver(500, 500, 500, 500);
    const harness = await startHarness({ speed: 10_000 });
    await createWithCallback(harness, 'fox', receiver.url);
    await advanceUntil(harness, () => harness.simulator.records.summary().callbacks.givenUp === 1);
    expect(receiver.calls).toHaveLength(4);
    expect(theOnlyTask(harness).firstSeenEndedAt).toBeNull();
  });

  it('count a late answer and a missing connection as refused', async () => {
    const receiver = await startReceiver(null);
    const harness = await startHarness({ speed: 10_000, callbackTimeoutMs: 400 });
    await createWithCallback(harness, 'slow', receiver.url);
    await delivered(harness, 2);
    expect(harness.simulator.records.deliveries.map(({ status }) => status)).toEqual([null, 200]);
    await createWithCallback(harness, 'unreachable', 'http://127.0.0.1:1/');
    await advanceUntil(harness, () => harness.simulator.records.summary().callbacks.givenUp === 1);
    expect(harness.simulator.records.deliveries.slice(2).map(({ status }) => status)).toEqual([null, null, null, null]);
  });
});

describe('faults of callbacks', () => {
  it('dropCallback sends nothing, and never tries again', async () => {
    const receiver = await startReceiver();
    const harness = await startHarness({ speed: 10_000, faults: { dropCallback: 1 } });
    await harness.ended(await createWithCallback(harness, 'dropped', receiver.url));
    harness.simulator.setFaults({ dropCallback: 0 });
    await createWithCallback(harness, 'sent', receiver.url);
    await delivered(harness, 1);
    expect(receiver.calls.map(({ path }) => path)).toEqual(['POST /done/sent']);
    expect(harness.simulator.records.summary().faults).toEqual({ dropCallback: 1 });
  });

  it('duplicateCallback sends it twice', async () => {
    const receiver = await startReceiver();
    const harness = await startHarness({ faults: { duplicateCallback: 1 } });
    await createWithCallback(harness, 'twice', receiver.url);
    await delivered(harness, 2);
    expect(receiver.calls.map(({ path }) => path)).toEqual(['POST /done/twice', 'POST /done/twice']);
  });

  it('delayCallback lets a later one overtake', async () => {
    const receiver = await startReceiver();
    const harness = await startHarness({ faults: { delayCallback: 1, callbackDelayMs: [300, 300] } });
    await harness.ended(await createWithCallback(harness, 'first', receiver.url));
    harness.simulator.setFaults({ delayCallback: 0 });
    await createWithCallback(harness, 'second', receiver.url);
    await delivered(harness, 2);
    expect(receiver.calls.map(({ path }) => path)).toEqual(['POST /done/second', 'POST /done/first']);
  });

  it('arrive early, long, chunked and slow, as the faults are set', async () => {
    const receiver = await startReceiver();
    const harness = await startHarness({
      faults: { earlyCallback: 1, longCallback: 1, slowCallback: 1, callbackDelayMs: [5, 10] },
    });
    const taskId = await createWithCallback(harness, 'fox', receiver.url);
    await delivered(harness, 2);
    expect(receiver.calls.map(({ body }) => body.length > 1_000_000)).toEqual([true, true]);
    const states = receiver.calls.map(({ body }) => (JSON.parse(body) as { data: { state: string } }).data.state);
    // Delayed callbacks overtake each other.
    expect(states.toSorted()).toEqual([expect.stringMatching(/^p/), 'success']);
    expect(theOnlyTask(harness)).toMatchObject({
      taskId,
      firstSeenEndedAt: expect.any(Number),
      firstPolledEndedAt: null,
    });
  });
});
