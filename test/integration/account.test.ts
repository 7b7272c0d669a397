import { describe, expect, it } from 'vitest';
import { createLogger } from '../../src/core/log.ts';
import type { App } from '../../src/app.ts';
import { dispatch } from '../../src/ledger/dispatch.ts';
import { readUsage } from '../../src/ledger/limits.ts';
import { clip, clips, startHarness } from '../support/harness.ts';
import { openLedger } from '../support/ledger.ts';
import { until } from '../support/until.ts';

interface LogLine {
  level: string;
  msg: string;
  reason?: string;
}

/** A log that is kept, to count its warnings. */
function keptLog() {
  const lines: LogLine[] = [];
  const destination = { write: (line: string) => void lines.push(JSON.parse(line) as LogLine) };
  return { log: createLogger({ level: 'info', secrets: [], destination }), lines };
}

describe('the account', () => {
  it('halts with one log line when the credit is gone, fails nothing, and continues after a top-up', async () => {
    const { log, lines } = keptLog();
    const harness = await startHarness({ simulator: { balance: 1 }, env: { CLIPMILL_MAX_TASKS: '20' }, log });
    await harness.work();
    await harness.add('b', clips(12));
    await until(async () => (await harness.app.account.read()).halted !== null, 'a halt');
    // The four clips there was money for are finished.
    await until(async () => (await harness.app.queries.batch('b'))?.counts.done === 4, 'four clips');
    const halted = await harness.app.queries.batch('b');
    expect(halted?.counts).toMatchObject({ done: 4, queued: 8, failed: 0, held: 0 });
    expect(halted?.posted).toBe(4);
    expect((await harness.app.account.read()).halted).toMatchObject({
      reason: 'no-credit',
      message: expect.stringContaining('Insufficient credits'),
    });
    expect(lines.filter((line) => line.level === 'error' && line.reason === 'no-credit')).toHaveLength(1);

    harness.simulator.setBalance(100);
    await harness.app.account.resume();
    harness.app.dispatcher.kick();
    const batch = await harness.ended('b');
    expect(batch.counts).toMatchObject({ done: 12 });
    expect(harness.simulator.records.summary().tasks.made).toBe(12);
  });

  it('tests a halted account with a single real submission', async () => {
    const harness = await startHarness({
      simulator: { faults: { noCredit: true }, balanceEndpoint: false },
      env: { CLIPMILL_MAX_TASKS: '20' },
    });
    await harness.work();
    await harness.add('b', clips(15));
    await until(async () => (await harness.app.account.read()).halted !== null, 'a halt');
    await until(async () => (await harness.app.queries.batch('b'))?.counts.queued === 15, 'all back in the queue');
    const before = harness.simulator.records.summary().requests.create;

    // The trial is due and still in vain: one submission, and the halt stays.
    await harness.app.account.postponeTrial(0);
    await until(() => harness.simulator.records.summary().requests.create === before + 1, 'one trial');
    await until(async () => ((await harness.app.account.read()).trialAt ?? 0) > Date.now(), 'the next trial');
    expect((await harness.app.account.read()).halted?.reason).toBe('no-credit');
    expect(harness.simulator.records.summary().requests.create).toBe(before + 1);

    // The trial succeeds: submission resumes by itself.
    harness.simulator.setFaults({ noCredit: false });
    await harness.app.account.postponeTrial(0);
    const batch = await harness.ended('b');
    expect(batch.counts.done).toBe(15);
    expect((await harness.app.account.read()).halted).toBeNull();
  });

  it('halts when the key is refused, polls the running tasks, and continues', async () => {
    const harness = await startHarness({
      simulator: { generationMs: { 5: [400, 400] } },
      env: { CLIPMILL_MAX_TASKS: '3', CLIPMILL_POLL_DELAY: '200ms' },
    });
    await harness.work();
    await harness.add('b', clips(6));
    await until(() => harness.simulator.records.summary().tasks.made === 3, 'three tasks');
    harness.simulator.setFaults({ badKey: true });
    await until(async () => (await harness.app.account.read()).halted?.reason === 'bad-key', 'a halt');
    const { counts } = (await harness.app.queries.batch('b')) ?? {};
    expect(counts).toMatchObject({ generating: 3, queued: 3, failed: 0 });
  });

  it('delays all processes after a 429 for the rate, and fails nothing', async () => {
    const harness = await startHarness({
      simulator: { maxRequests: 30, requestWindowMs: 1_000 },
      env: { CLIPMILL_MAX_REQUESTS: '1000' },
    });
    await harness.work();
    await harness.add('b', clips(25));
    const batch = await harness.ended('b');
    expect(batch.counts).toMatchObject({ done: 25, failed: 0, held: 0 });
    expect(harness.simulator.records.summary().refused.rate).toBeGreaterThan(0);
  });

  it('lowers the ceiling when another program takes slots of the same key, and loses nothing', async () => {
    const harness = await startHarness({
      simulator: { maxTasks: 5, generationMs: { 5: [100, 150] } },
      env: { CLIPMILL_MAX_TASKS: '20' },
    });
    await harness.work();
    await harness.add('b', clips(20));
    await until(() => harness.simulator.records.summary().refused.concurrency > 0, 'a refusal');
    const batch = await harness.ended('b');
    expect(batch.counts).toMatchObject({ done: 20, failed: 0, held: 0 });
    expect((await readUsage(harness.app.run, harness.app.config)).slots.ceiling).toBeLessThan(20);
  });

  it('waits for an API that is down, and spends and fails nothing', async () => {
    const harness = await startHarness({ simulator: { faults: { createReset: 0, create503: 1 } } });
    await harness.work();
    await harness.add('b', clips(15));
    await until(async () => (await harness.app.account.read()).halted?.reason === 'unavailable', 'a halt');
    harness.simulator.setFaults({ create503: 0 });
    await harness.app.account.resume();
    harness.app.dispatcher.kick();
    const batch = await harness.ended('b');
    expect(batch.counts).toMatchObject({ done: 15 });
    expect(batch.posted).toBe(15);
    expect(harness.simulator.records.summary().tasks.made).toBe(15);
  }, 60_000);

  it('submits nothing while paused', async () => {
    const harness = await startHarness();
    await harness.app.account.pause();
    await harness.work();
    await harness.add('b', [clip('a')]);
    expect(await dispatch(harness.app.run, 10)).toEqual({ attempts: [], wakeMs: 0 });
    await harness.app.account.resume();
    harness.app.dispatcher.kick();
    expect((await harness.ended('b')).counts.done).toBe(1);
  });
});

describe('a halt for lack of downloads', () => {
  it('does not recur after a manual resume by the earlier count', async () => {
    const { account, redis, keys } = await openLedger();
    await redis.hset(keys.account, 'noClips', 25);
    expect(await account.halt('no-downloads', 'no clip')).toBe('halted');
    await account.resume();
    expect(await redis.hget(keys.account, 'noClips')).toBeNull();
    // A download that had read the count before.
    expect(await account.halt('no-downloads', 'no clip')).toBe('known');
    expect((await account.read()).halted).toBeNull();
  });
});

describe('lost answers of attempts with a callback URL', () => {
  const loses = async ({ account }: App, count: number) => {
    for (let n = 1; n < count; n += 1) await account.cool('lost', 5_000, 0);
    return account.cool('lost', 5_000, 0);
  };

  it('halt submission after ten in a row if no callback arrives', async () => {
    const app = await openLedger();
    expect(await loses(app, 9)).toMatchObject({ refusals: 9, coolMs: 0 });
    expect(await app.account.halt('lost-answers', 'lost')).toBe('known');
    expect(await loses(app, 1)).toMatchObject({ refusals: 10 });
    expect(await app.account.halt('lost-answers', 'lost')).toBe('halted');
  });

  it('halt submission after a hundred in a row while callbacks arrive; each callback ends the row', async () => {
    const app = await openLedger();
    const arrived = () => app.redis.hset(app.keys.account, 'callbackAt', Date.now(), 'lost', 0);
    await arrived();
    expect(await loses(app, 99)).toMatchObject({ refusals: 0 });
    expect(await app.account.halt('lost-answers', 'lost')).toBe('known');
    await arrived();
    expect(await loses(app, 99)).toMatchObject({ refusals: 0 });
    expect(await loses(app, 1)).toMatchObject({ refusals: 100 });
    expect(await app.account.halt('lost-answers', 'lost')).toBe('halted');
  });

  it('count separately from other failures: an API that is down halts submission', async () => {
    const app = await openLedger();
    await app.redis.hset(app.keys.account, 'callbackAt', Date.now());
    await loses(app, 50);
    for (let n = 1; n < 10; n += 1) await app.account.cool('trouble', 1, 0);
    expect(await app.account.cool('trouble', 5_000, 0)).toMatchObject({ refusals: 10, coolMs: 5_000 });
    expect(await app.account.halt('unavailable', 'down')).toBe('halted');
  });
});

describe('the balance as evidence about a POST', () => {
  it.each([
    ['as it was', 10, 'unbilled'],
    ['lower', 9.9, 'billed'],
    // A top-up or a refund hides what the POST may have cost.
    ['higher', 59.9, 'unknown'],
  ] as const)('is %s', async (_what, usd, shown) => {
    const { account, redis, keys } = await openLedger();
    await redis.hset(keys.account, 'acceptedAt', Date.now() - 60_000);
    await account.balance(10);
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(await account.balance(usd, 1)).toBe(shown);
  });

  it('shows nothing if others were accepted in the meantime: a refund may hide the cost', async () => {
    const { account, redis, keys } = await openLedger();
    await account.balance(10);
    await redis.hset(keys.account, 'acceptedAt', Date.now() + 1);
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(await account.balance(10, 1)).toBe('unknown');
  });
});

describe('the slow start', () => {
  it('wakes the dispatcher often only while a submission awaits its answer', async () => {
    const { intake, redis, keys, run, attempts } = await openLedger();
    await redis.hdel(keys.account, 'acceptedAt');
    await intake.add('b', { model: 'm' }, clips(30), false);
    const first = await dispatch(run, 100);
    expect(first.attempts).toHaveLength(10);
    // Handed out, and no process submits them.
    expect(await dispatch(run, 100)).toEqual({ attempts: [], wakeMs: 0 });
    const [attempt] = first.attempts;
    if (!attempt) throw new Error('nothing dispatched');
    expect(await attempts.begin(attempt, 'x', true)).toMatchObject({ kind: 'go' });
    expect((await dispatch(run, 100)).wakeMs).toBeGreaterThan(0);
  });
});
