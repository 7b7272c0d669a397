import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Queue } from 'bullmq';
import { describe, expect, it, onTestFinished } from 'vitest';
import { z } from 'zod';
import { createLogger } from '../../src/core/log.ts';
import { readEvents } from '../../src/operations/events.ts';
import { streamEvent, type StreamEvent } from '../../src/ledger/event.ts';
import { queueJobJsonSchema } from '../../src/jobs/queue-job.ts';
import { startHarness, type Harness } from '../support/harness.ts';
import { until } from '../support/until.ts';

/** A producer as in any language: a BullMQ queue by its documented name and prefix. */
function producer(harness: Harness): Queue {
  const queue = new Queue('submit', { connection: harness.app.redis, prefix: `{${harness.env['CLIPMILL_PREFIX']}}` });
  onTestFinished(() => queue.close());
  return queue;
}

const input = { mode: 'text-to-video', prompt: 'from a producer', duration: 5, sound: true };

async function events(harness: Harness): Promise<StreamEvent[]> {
  const entries = await harness.app.redis.xrange(harness.app.keys.events, '-', '+');
  return entries.map(([, fields]) => streamEvent.parse(JSON.parse(fields[3] ?? '')));
}

describe('producers on the queue', () => {
  it('get each item made once, and read its end from the stream', async () => {
    const harness = await startHarness();
    await harness.work();
    const queue = producer(harness);
    for (const id of ['a', 'b', 'a']) await queue.add('generate', { batch: 'raw', id, input });
    await queue.add('generate', { batch: 'raw', id: 'c', input, provider: 'official', output: 'elsewhere/c.mp4' });
    await until(async () => (await harness.app.queries.batch('raw'))?.counts.done === 3, 'three clips');
    const items = (await events(harness)).filter((event) => event.type === 'item');
    expect(items.map((event) => event.id).toSorted()).toEqual(['a', 'b', 'c']);
    expect(items.find((event) => event.id === 'c')).toMatchObject({
      batch: 'raw',
      state: 'done',
      location: expect.stringContaining('elsewhere/c.mp4'),
      size: expect.any(Number),
      sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    expect((await events(harness)).at(-1)).toMatchObject({
      type: 'batch',
      batch: 'raw',
      counts: { total: 3, done: 3 },
    });
    expect(harness.simulator.records.summary().requests.create).toBe(3);
  });

  it('get a rejection before money is spent if a file that no item has takes the name', async () => {
    const harness = await startHarness();
    await harness.work();
    await mkdir(join(harness.folder, 'videos/raw'), { recursive: true });
    await writeFile(join(harness.folder, 'videos/raw/a.mp4'), 'my holiday');
    const job = await producer(harness).add('generate', { batch: 'raw', id: 'a', input });
    await until(async () => (await job.getState()) === 'failed', 'the end of the job');
    const [rejected] = await events(harness);
    expect(rejected).toMatchObject({ type: 'rejected', batch: 'raw', id: 'a' });
    expect(JSON.stringify(rejected)).toContain('is taken by a file');
    expect(harness.simulator.records.summary().requests.create).toBe(0);
  });

  it('cannot add jobs that only clipmill may add: these are dropped with one log line', async () => {
    const lines: string[] = [];
    const log = createLogger({ level: 'info', secrets: [], destination: { write: (line) => void lines.push(line) } });
    const harness = await startHarness({ log });
    await harness.work();
    const rubbish = { batch: 7, of: 'rubbish' };
    const connection = { connection: harness.app.redis, prefix: `{${harness.env['CLIPMILL_PREFIX']}}` };
    for (const name of ['submit', 'poll', 'download']) {
      const queue = new Queue(name, connection);
      onTestFinished(() => queue.close());
      const job = await queue.add('step', rubbish);
      await until(async () => (await job.getState()) === 'failed', `the end of the job in ${name}`);
    }
    const queue = new Queue('poll', connection);
    onTestFinished(() => queue.close());
    const odd = await queue.add('anything', {});
    await until(async () => (await odd.getState()) === 'failed', 'the end of the odd job');
    expect(lines.filter((line) => line.includes('job dropped'))).toHaveLength(4);
    expect(lines.filter((line) => line.includes('"level":"error"'))).toEqual([]);
  });

  it("get events for changed content, for another batch's folder, and for rejected jobs by batch and id", async () => {
    const harness = await startHarness();
    await harness.work({ roles: ['submit'] });
    const queue = producer(harness);
    const add = async (data: object) => await queue.add('generate', data);
    await add({ batch: 'alice', id: 'a', input });
    await until(async () => (await harness.app.queries.batch('alice'))?.counts.total === 1, 'the first item');
    const changed = await add({ batch: 'alice', id: 'a', input: { ...input, prompt: 'another' } });
    const named = await add({ batch: 'bob', id: 'b', input, output: '{batch}/{mode}/{id}.mp4' });
    const foreign = await add({ batch: 'bob', id: 'c', input, output: 'alice/c.mp4' });
    const wrong = await add({ batch: 'bob', id: 'd', input, output: '{nonsense}' });
    const told = async () =>
      (await events(harness)).filter((event) => event.type === 'changed' || event.type === 'rejected');
    await until(async () => (await told()).length === 3, 'three events');
    expect((await told()).toSorted((x, y) => Number(x.job) - Number(y.job))).toMatchObject([
      { type: 'changed', job: changed.id, batch: 'alice', id: 'a' },
      {
        type: 'rejected',
        job: foreign.id,
        batch: 'bob',
        id: 'c',
        message: expect.stringContaining('folder of another batch'),
      },
      {
        type: 'rejected',
        job: wrong.id,
        batch: 'bob',
        id: 'd',
        message: expect.stringContaining('no variable `nonsense`'),
      },
    ]);
    expect(named.id).toBeDefined();
    expect((await harness.app.queries.item('bob', 'b'))?.output).toBe('bob/text-to-video/b.mp4');
  });

  it.each([
    ['another name', 'make', { batch: 'raw', id: 'a', input }, 'the name of a job must be "generate"'],
    ['no data', 'generate', {}, 'batch: '],
    [
      'a wrong input',
      'generate',
      { batch: 'raw', id: 'a', input: { ...input, duration: 6 } },
      'input.duration: must be 5 or 10',
    ],
    ['an id that is a path', 'generate', { batch: 'raw', id: '../a', input }, 'id: must be 1 to 128 letters'],
    ['a name outside the storage', 'generate', { batch: 'raw', id: 'a', input, output: '/etc/passwd' }, 'output: '],
    ['an unknown field', 'generate', { batch: 'raw', id: 'a', input, prompt: 'x' }, 'prompt'],
  ])('get an event for a rejected job: %s', async (_what, name, data, message) => {
    const harness = await startHarness();
    await harness.work({ roles: ['submit'] });
    const queue = producer(harness);
    const job = await queue.add(name, data);
    await until(async () => (await job.getState()) === 'failed', 'the failed job');
    const [event] = await events(harness);
    expect(event).toMatchObject({ type: 'rejected', job: job.id, message: expect.stringContaining(message) });
    expect(harness.simulator.records.summary().requests.total).toBe(0);
  });

  it('do not delay items that already have slots', async () => {
    const harness = await startHarness({ env: { CLIPMILL_MAX_TASKS: '5' } });
    const queue = producer(harness);
    const jobs = Array.from({ length: 300 }, (_, n) => ({
      name: 'generate',
      data: { batch: 'raw', id: `r${n}`, input },
    }));
    await queue.addBulk(jobs);
    await harness.work();
    await until(async () => (await harness.app.queries.batch('raw'))?.counts.total === 300, 'all taken in');
    await until(async () => ((await harness.app.queries.batch('raw'))?.counts.done ?? 0) >= 20, 'twenty clips');
    expect(harness.simulator.records.summary().tasks.maxInFlight).toBeLessThanOrEqual(5);
  });

  it('can follow the stream live, from any place in it', async () => {
    const harness = await startHarness();
    await harness.work();
    const queue = producer(harness);
    const controller = new AbortController();
    const seen: string[] = [];
    const following = (async () => {
      for await (const { event } of readEvents(harness.app, '0', controller.signal)) {
        seen.push(event.type);
        if (event.type === 'batch') controller.abort();
      }
    })();
    await queue.add('generate', { batch: 'raw', id: 'a', input });
    await following;
    expect(seen).toEqual(['item', 'batch']);
  });

  it('have a schema with the same rules', () => {
    const schema = z
      .object({ required: z.array(z.string()), properties: z.record(z.string(), z.unknown()) })
      .parse(queueJobJsonSchema());
    expect(schema.required.toSorted()).toEqual(['batch', 'id', 'input']);
    expect(Object.keys(schema.properties).toSorted()).toEqual([
      'batch',
      'id',
      'input',
      'output',
      'priority',
      'provider',
    ]);
  });
});
