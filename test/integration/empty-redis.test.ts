import { describe, expect, it } from 'vitest';
import { dispatch } from '../../src/ledger/dispatch.ts';
import { restoreLimits } from '../../src/ledger/limits.ts';
import { oneAttempt, openLedger } from '../support/ledger.ts';
import { clips, startHarness } from '../support/harness.ts';

describe('a Redis that has lost its data while workers run', () => {
  it('gets its limits back and works on the next batch', async () => {
    const harness = await startHarness();
    await harness.work();
    await harness.add('before', clips(3, 'before'));
    await harness.ended('before');
    const { redis, keys } = harness.app;
    await redis.del(...(await redis.keys(`${keys.prefix}*`)));
    await harness.add('after', clips(3, 'after'));
    expect((await harness.ended('after')).counts.done).toBe(3);
  });

  it('sends and fails nothing without limits', async () => {
    const app = await openLedger();
    const attempt = await oneAttempt(app);
    await app.attempts.begin(attempt, 't', true);
    await app.attempts.accepted(attempt, { taskId: 'task-1', tasks: 1, kind: 'm/5/auto' });
    await app.intake.add('c', { model: 'm' }, clips(2, 'more'), false);
    const [other] = (await dispatch(app.run, 1)).attempts;
    if (!other) throw new Error('nothing dispatched');
    await app.redis.del(app.keys.limits);
    expect(await app.attempts.pollPermit(attempt, false)).toMatchObject({ kind: 'wait' });
    expect(await app.attempts.begin(other, 't', true)).toEqual({ kind: 'returned' });
    expect(await dispatch(app.run, 5)).toEqual({ attempts: [], wakeMs: 0 });
    expect(JSON.parse(String(await app.run('load', '{}')))).not.toHaveProperty('tokenMs');
    expect(await app.attempts.generated(attempt, ['https://example.com/x.mp4'], 54_000)).toMatchObject({
      result: 'moved',
    });
    const waiting = app.requests.take(AbortSignal.timeout(50));
    await expect(waiting).rejects.toThrow('aborted');
    expect(await restoreLimits(app.run, app.config)).toBe(true);
    expect(await restoreLimits(app.run, { ...app.config, maxTasks: 1 })).toBe(false);
    expect((await dispatch(app.run, 5)).attempts).toHaveLength(2);
  });
});
