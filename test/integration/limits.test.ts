import { describe, expect, it } from 'vitest';
import type { SimulatorOptions } from '../../src/simulator/options.ts';
import { clip, clips, startHarness, type Harness } from '../support/harness.ts';
import { override } from '../support/override.ts';
import { until } from '../support/until.ts';

/** Prompts in the order in which the API was asked for them. */
function asked(harness: Harness): string[] {
  return harness.simulator.records
    .tasks()
    .toSorted((a, b) => a.createdAt - b.createdAt)
    .map((task) => task.prompt);
}

function refused(harness: Harness) {
  return harness.simulator.records.summary().refused;
}

describe('shares of the slots', () => {
  it('let a small batch start at once behind a large one, and end within two generations', async () => {
    const slots = 20;
    const harness = await startHarness({ env: { CLIPMILL_MAX_TASKS: String(slots) }, simulator: { maxTasks: slots } });
    await harness.add('large', clips(1_000, 'large'));
    await harness.work();
    await until(() => harness.simulator.records.summary().tasks.made >= 3 * slots, 'the large batch to be under way');
    const before = asked(harness).length;
    await harness.add('small', clips(10, 'small'));
    await harness.ended('small');
    const since = asked(harness).slice(before);
    const last = since.findLastIndex((prompt) => prompt.includes('of small'));
    // Every slot that comes free goes to the small batch until both have as many.
    expect(since.slice(0, last + 1).filter((prompt) => prompt.includes('of large')).length).toBeLessThanOrEqual(slots);
    expect((await harness.app.queries.batch('large'))?.endedAt).toBeNull();
  });

  it('leave an old batch its share, however many new ones come', async () => {
    const slots = 6;
    const harness = await startHarness({ env: { CLIPMILL_MAX_TASKS: String(slots) }, simulator: { maxTasks: slots } });
    await harness.add('old', clips(30, 'old'));
    for (let n = 1; n <= 5; n += 1) await harness.add(`new-${n}`, clips(200, `new-${n}`));
    await harness.work();
    await harness.ended('old');
    const prompts = asked(harness);
    const last = prompts.findLastIndex((prompt) => prompt.includes('of old'));
    // A sixth of the slots: its thirty clips come among about 180.
    expect(last).toBeLessThan(30 * slots * 1.5);
  });

  it('go to the more urgent items of a batch first, and to equal ones in order', async () => {
    const harness = await startHarness({ env: { CLIPMILL_MAX_TASKS: '1' } });
    const item = (id: string, index: number, priority: number) => clip(id, id, { index, priority });
    await harness.add('b', [item('late', 1, 200), item('first', 2, 100), item('second', 3, 100), item('urgent', 4, 1)]);
    await harness.work();
    await harness.ended('b');
    expect(asked(harness)).toEqual(['urgent', 'first', 'second', 'late']);
  });
});

describe('shares of the requests, when requests are scarce', () => {
  it('let late urgent items go before early ones', async () => {
    const few = { CLIPMILL_MAX_REQUESTS: '60', CLIPMILL_REQUEST_WINDOW: '6s' };
    const harness = await startHarness({
      env: { ...few, CLIPMILL_POLL_DELAY: '60s' },
      simulator: { requestWindowMs: 6_000 },
    });
    await harness.add('large', clips(300, 'large'));
    await harness.work();
    await until(() => asked(harness).length >= 5, 'the large batch to be under way');
    await harness.add('small', clips(5, 'small'));
    await harness.add('large', [clip('urgent', 'the urgent one', { index: 301, priority: 1 })]);
    const wanted = () => asked(harness).filter((prompt) => !prompt.includes('of large'));
    await until(() => wanted().length === 6, 'the small batch and the urgent clip');
    // All of the 1,000 slots were free: few of the large batch may have had theirs before.
    expect(asked(harness).length).toBeLessThan(50);
    expect(asked(harness).slice(0, 8)).toContain('clip 1 of large');
  });
});

describe('limits of any size', () => {
  it('hold on a plan of 3 tasks and 10 requests a window', async () => {
    const limits = { maxTasks: 3, maxRequests: 10, generationMs: { 5: [700, 800] } } satisfies SimulatorOptions;
    const harness = await startHarness({
      simulator: limits,
      env: { CLIPMILL_MAX_TASKS: '3', CLIPMILL_MAX_REQUESTS: '10' },
    });
    await harness.add('b', clips(6));
    await harness.work();
    expect((await harness.ended('b')).counts.done).toBe(6);
    const { maxRequestsInWindow, tasks } = harness.simulator.records.summary();
    expect(refused(harness)).toMatchObject({ rate: 0, concurrency: 0 });
    expect(maxRequestsInWindow).toBeLessThanOrEqual(10);
    expect(tasks.maxInFlight).toBe(3);
  });

  it('hold over several processes, with any polling', async () => {
    // A longer window than elsewhere: its margin for jitter is 2 %, and here four workers and the API share a process.
    const limits = { maxTasks: 30, maxRequests: 900, requestWindowMs: 6_000 };
    const harness = await startHarness({
      simulator: limits,
      env: {
        CLIPMILL_MAX_TASKS: '30',
        CLIPMILL_MAX_REQUESTS: '900',
        CLIPMILL_REQUEST_WINDOW: '6s',
        CLIPMILL_POLLING: 'adaptive',
      },
    });
    await harness.add('b', clips(150));
    for (let n = 0; n < 4; n += 1) await harness.work();
    expect((await harness.ended('b')).counts.done).toBe(150);
    const { maxRequestsInWindow, tasks } = harness.simulator.records.summary();
    expect(refused(harness)).toMatchObject({ rate: 0, concurrency: 0 });
    expect(maxRequestsInWindow).toBeLessThanOrEqual(900);
    expect(tasks.made).toBe(150);
    expect(tasks.maxInFlight).toBeLessThanOrEqual(30);
    // Nothing that runs is left in the counts that adaptive polling plans with.
    const running = await harness.app.redis.keys(`${harness.app.keys.prefix}running:*`);
    expect(running).toEqual([]);
    expect(await harness.app.redis.keys(`${harness.app.keys.prefix}took:*`)).toHaveLength(1);
  });

  it('stretch the polls evenly when tasks take long, so that none starves and nothing is refused', async () => {
    // 40 tasks polled every 20 ms would be 2,000 requests a second; a hundred are allowed.
    const limits = { maxTasks: 40, maxRequests: 400, requestWindowMs: 4_000 };
    const harness = await startHarness({
      simulator: { ...limits, generationMs: { 5: [2_400, 2_500] } },
      env: { CLIPMILL_MAX_TASKS: '40', CLIPMILL_MAX_REQUESTS: '400', CLIPMILL_REQUEST_WINDOW: '4s' },
    });
    const looks = new Map<string, number>();
    await harness.add('b', clips(40));
    await harness.work({
      replace: ({ resources }) => ({
        resources: {
          ...resources,
          api: override(resources.api, {
            status: (model, taskId) => {
              looks.set(taskId, (looks.get(taskId) ?? 0) + 1);
              return resources.api.status(model, taskId);
            },
          }),
        },
      }),
    });
    expect((await harness.ended('b')).counts.done).toBe(40);
    expect(refused(harness)).toMatchObject({ rate: 0, concurrency: 0 });
    expect(harness.simulator.records.summary().maxRequestsInWindow).toBeLessThanOrEqual(400);
    const counts = [...looks.values()];
    expect(counts).toHaveLength(40);
    expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(3);
  });
});
