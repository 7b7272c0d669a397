import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { dispatch } from '../../src/ledger/dispatch.ts';
import { streamEvent } from '../../src/ledger/event.ts';
import { jobIdOf, queueNames, type QueueName } from '../../src/queue/queues.ts';
import type { App } from '../../src/app.ts';
import { StepRunner, pollAnswers, submitAnswers } from '../support/step-runner.ts';
import { coverage } from '../support/coverage.ts';
import { openLedger } from '../support/ledger.ts';
import { clips, startHarness } from '../support/harness.ts';
import { engineOf } from '../support/queue-engine.ts';
import { privateRedis } from '../support/private-redis.ts';
import { done } from '../../src/queue/step-result.ts';
import { startProcessor } from '../../src/queue/processor.ts';
import { until } from '../support/until.ts';

const SIZE = 4;
const MAX_TASKS = 3;

const move = fc.record({
  what: fc.constantFrom<'dispatch' | 'reconcile' | QueueName>(
    'dispatch',
    'submit',
    'submit',
    'poll',
    'poll',
    'download',
    'reconcile',
  ),
  pick: fc.nat(SIZE),
  death: fc.option(
    fc.record({
      atCall: fc.integer({ min: 1, max: 4 }),
      side: fc.constantFrom('before' as const, 'after' as const),
      jobLost: fc.boolean(),
    }),
    // Half of the steps survive: where most die, hardly any item comes as far as its download.
    { nil: undefined, freq: 1 },
  ),
  answers: fc.record({ submit: fc.constantFrom(...submitAnswers), poll: fc.constantFrom(...pollAnswers) }),
});

/** Runs all jobs until the batch has ended. */
async function finish(runner: StepRunner, app: App): Promise<void> {
  runner.api.answers = { submit: 'ok', poll: 'success' };
  for (let round = 0; round < 30; round += 1) {
    if ((await app.queries.batch('b'))?.endedAt) return;
    await runner.reconcile();
    await runner.dispatch();
    for (const name of queueNames) for (const job of await runner.jobs(name)) await runner.step(name, job);
  }
}

async function expectOneEnd(app: App): Promise<void> {
  const counts = (await app.queries.batch('b'))?.counts;
  expect(counts).toMatchObject({ total: SIZE, queued: 0, submitting: 0, generating: 0, downloading: 0, cancelled: 0 });
  expect((counts?.done ?? 0) + (counts?.failed ?? 0) + (counts?.held ?? 0)).toBe(SIZE);
  const entries = await app.redis.xrange(app.keys.events, '-', '+');
  const events = entries.map(([, fields]) => streamEvent.parse(JSON.parse(fields[3] ?? '')));
  const ended = events.filter((event) => event.type === 'item').map((event) => event.id);
  expect(ended.toSorted()).toEqual(clips(SIZE).map(({ id }) => id));
  expect(events.filter((event) => event.type === 'batch')).toHaveLength(1);
  expect(await app.redis.zcard(app.keys.live)).toBe(0);
  // Leases of ambiguous submissions, a millisecond long, end with the next reconcile.
  await until(async () => {
    await dispatch(app.run, 0);
    return (await app.redis.zcard(app.keys.slots)) === 0;
  }, 'free slots');
}

describe('reconcile', () => {
  it('ends every item once and pays for none twice, with processes killed and jobs lost anywhere', async () => {
    // Thousands of calls one after the other, which would wait for the disk that other tests keep busy.
    const { url } = await privateRedis({ appendonly: 'no' });
    const covered = coverage('reconciliation and slots', [
      'dispatch',
      'reconcile',
      ...queueNames,
      'all slots taken',
      'slots free',
    ]);
    await fc.assert(
      fc.asyncProperty(fc.array(move, { minLength: 20, maxLength: 60, size: 'max' }), async (moves) => {
        const app = await openLedger({ CLIPMILL_MAX_TASKS: String(MAX_TASKS) }, url);
        await app.intake.add('b', { model: 'm' }, clips(SIZE), false);
        const runner = new StepRunner(app);
        for (const { what, pick, death, answers } of moves) {
          runner.api.answers = answers;
          const taken = await app.redis.zcard(app.keys.slots);
          covered.count(taken === MAX_TASKS ? 'all slots taken' : 'slots free');
          expect(taken).toBeLessThanOrEqual(MAX_TASKS);
          if (what === 'dispatch' || what === 'reconcile') covered.count(what);
          if (what === 'dispatch') await runner.dispatch(death);
          else if (what === 'reconcile') await runner.reconcile();
          else {
            const jobs = await runner.jobs(what);
            const job = jobs[pick % Math.max(1, jobs.length)];
            if (!job) continue;
            covered.count(what);
            await runner.step(what, job, death);
          }
        }
        await finish(runner, app);
        expect(runner.api.doubled).toEqual([]);
        await expectOneEnd(app);
        await app.close();
      }),
      { numRuns: 45 },
    );
    covered.report();
  }, 60_000);

  it('restores a job that was removed by hand, in every queue', async () => {
    const app = await openLedger();
    await app.intake.add('b', { model: 'm' }, clips(1), false);
    const runner = new StepRunner(app);
    await runner.dispatch();
    for (const name of queueNames) {
      for (const job of await runner.jobs(name)) await job.remove();
      expect(await runner.jobs(name), name).toEqual([]);
      await runner.reconcile();
      const [job] = await runner.jobs(name);
      if (!job) throw new Error(`nothing was added to ${name}`);
      await runner.step(name, job);
    }
    expect((await app.queries.batch('b'))?.counts).toMatchObject({ done: 1 });
  });
});

describe('a job without an item', () => {
  it.each(queueNames)('is dropped: %s', async (name) => {
    const harness = await startHarness();
    const { queues } = harness.app;
    const nobody = { batch: 'none', id: 'nobody', attempt: 1 };
    if (name === 'submit') await queues.submit([nobody]);
    if (name === 'poll') await queues.poll(nobody, 0);
    if (name === 'download') await queues.download(nobody);
    await harness.work();
    const engine = engineOf(harness.app, name);
    await until(async () => (await engine.getJob(jobIdOf(nobody))) === undefined, 'the job to go');
    expect(harness.simulator.records.summary().requests.total).toBe(0);
  });
});

describe('a job whose worker died', () => {
  it('runs again when its lock has expired, even with a lock of a fractional millisecond', async () => {
    const harness = await startHarness();
    const started: string[] = [];
    const handler = (job: { id: string }) => {
      started.push(job.id);
      return started.length === 1 ? new Promise<never>(() => {}) : Promise.resolve(done);
    };
    const options = { workers: 1, concurrency: 1, lockMs: 300.5, signal: new AbortController().signal };
    const victim = startProcessor(harness.app, 'download', handler, options);
    await harness.app.queues.download({ batch: 'b', id: 'a', attempt: 1 });
    await until(() => started.length === 1, 'the first run');
    await victim.abandon();
    const heir = startProcessor(harness.app, 'download', handler, options);
    await until(() => started.length === 2, 'the second run');
    await heir.abandon();
    expect(started).toEqual(['b/a/1', 'b/a/1']);
  });
});
