import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { onEnd, startRig, theOnlyTask, until, type Rig } from './support.ts';

interface Call {
  path: string;
  type: string | undefined;
  body: string;
}

/** A receiver that answers by what `statuses` says in turn, then 200; null is no answer at all. */
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

const createWithCallback = (rig: Rig, prompt: string, url: string) =>
  rig.createTask(prompt, {}, { request_type: 'callback', callback_url: url + encodeURIComponent(prompt) });

const delivered = (rig: Rig, count: number) => until(rig, () => rig.simulator.records.deliveries.length >= count);

describe('callbacks', () => {
  it('POST the status body when a task ends, and count as seen', async () => {
    const receiver = await startReceiver();
    const rig = await startRig();
    const taskId = await createWithCallback(rig, 'fox', receiver.url);
    await delivered(rig, 1);
    const task = theOnlyTask(rig);
    expect(task.callbackUrl).toBe(`${receiver.url}fox`);
    expect(task.firstSeenEndedAt).toBe(rig.simulator.records.deliveries[0]?.at);
    expect(receiver.calls).toEqual([
      { path: 'POST /done/fox', type: 'application/json', body: (await rig.status(taskId)).text },
    ]);
    expect(rig.simulator.records.deliveries).toEqual([{ taskId, attempt: 1, at: expect.any(Number), status: 200 }]);
  });

  it('tell of failures too', async () => {
    const receiver = await startReceiver();
    const rig = await startRig();
    await createWithCallback(rig, '[fail:NSFW]', receiver.url);
    await delivered(rig, 1);
    expect(JSON.parse(receiver.calls[0]?.body ?? '')).toMatchObject({ data: { state: 'failed', failCode: 'NSFW' } });
  });

  it('are not sent for tasks that did not ask for them', async () => {
    const receiver = await startReceiver();
    const rig = await startRig();
    await rig.ended(await rig.createTask('async'));
    await createWithCallback(rig, 'callback', receiver.url);
    await delivered(rig, 1);
    expect(receiver.calls.map(({ path }) => path)).toEqual(['POST /done/callback']);
  });

  it('are tried again after 30 s, 2 min and 10 min, divided by speed, unless the answer is exactly 200', async () => {
    const receiver = await startReceiver(204, 500, 302);
    const rig = await startRig({ speed: 2_000 });
    await createWithCallback(rig, 'fox', receiver.url);
    await delivered(rig, 4);
    const { deliveries } = rig.simulator.records;
    expect(deliveries.map(({ attempt, status }) => [attempt, status])).toEqual([
      [1, 204],
      [2, 500],
      [3, 302],
      [4, 200],
    ]);
    const gaps = deliveries.slice(1).map(({ at }, i) => at - (deliveries[i]?.at ?? 0));
    for (const [i, wait] of [15, 60, 300].entries()) expect(gaps[i]).toBeGreaterThanOrEqual(wait);
    expect(rig.simulator.records.summary().callbacks).toEqual({ sent: 4, accepted: 1, refused: 3, givenUp: 0 });
  });

  it('are given up after the third retry', async () => {
    const receiver = await startReceiver(500, 500, 500, 500);
    const rig = await startRig({ speed: 10_000 });
    await createWithCallback(rig, 'fox', receiver.url);
    await until(rig, () => rig.simulator.records.summary().callbacks.givenUp === 1);
    expect(receiver.calls).toHaveLength(4);
    expect(theOnlyTask(rig).firstSeenEndedAt).toBeNull();
  });

  it('count no answer in time, and no connection, as refused', async () => {
    const receiver = await startReceiver(null);
    const rig = await startRig({ speed: 10_000, callbackTimeoutMs: 400 });
    await createWithCallback(rig, 'slow', receiver.url);
    await delivered(rig, 2);
    expect(rig.simulator.records.deliveries.map(({ status }) => status)).toEqual([null, 200]);
    await createWithCallback(rig, 'nobody', 'http://127.0.0.1:1/');
    await until(rig, () => rig.simulator.records.summary().callbacks.givenUp === 1);
    expect(rig.simulator.records.deliveries.slice(2).map(({ status }) => status)).toEqual([null, null, null, null]);
  });
});

describe('faults of callbacks', () => {
  it('dropCallback sends nothing, and never tries again', async () => {
    const receiver = await startReceiver();
    const rig = await startRig({ speed: 10_000, faults: { dropCallback: 1 } });
    await rig.ended(await createWithCallback(rig, 'dropped', receiver.url));
    rig.simulator.setFaults({ dropCallback: 0 });
    await createWithCallback(rig, 'sent', receiver.url);
    await delivered(rig, 1);
    expect(receiver.calls.map(({ path }) => path)).toEqual(['POST /done/sent']);
    expect(rig.simulator.records.summary().faults).toEqual({ dropCallback: 1 });
  });

  it('duplicateCallback sends it twice', async () => {
    const receiver = await startReceiver();
    const rig = await startRig({ faults: { duplicateCallback: 1 } });
    await createWithCallback(rig, 'twice', receiver.url);
    await delivered(rig, 2);
    expect(receiver.calls.map(({ path }) => path)).toEqual(['POST /done/twice', 'POST /done/twice']);
  });

  it('delayCallback lets a later one overtake', async () => {
    const receiver = await startReceiver();
    const rig = await startRig({ faults: { delayCallback: 1, callbackDelayMs: [300, 300] } });
    await rig.ended(await createWithCallback(rig, 'first', receiver.url));
    rig.simulator.setFaults({ delayCallback: 0 });
    await createWithCallback(rig, 'second', receiver.url);
    await delivered(rig, 2);
    expect(receiver.calls.map(({ path }) => path)).toEqual(['POST /done/second', 'POST /done/first']);
  });

  it('come early, long, in chunks and slowly, as faults will have it', async () => {
    const receiver = await startReceiver();
    const rig = await startRig({
      faults: { earlyCallback: 1, longCallback: 1, slowCallback: 1, callbackDelayMs: [5, 10] },
    });
    const taskId = await createWithCallback(rig, 'fox', receiver.url);
    await delivered(rig, 2);
    expect(receiver.calls.map(({ body }) => body.length > 1_000_000)).toEqual([true, true]);
    const states = receiver.calls.map(({ body }) => (JSON.parse(body) as { data: { state: string } }).data.state);
    // Slow ones overtake each other.
    expect(states.toSorted()).toEqual([expect.stringMatching(/^p/), 'success']);
    expect(theOnlyTask(rig)).toMatchObject({ taskId, firstSeenEndedAt: expect.any(Number), firstPolledEndedAt: null });
  });
});
