import { describe, expect, it } from 'vitest';
import { ApixoError, type ErrorKind } from '../../../src/apixo/errors.ts';
import type { TaskReport } from '../../../src/apixo/read/task-report.ts';
import { kling26 } from '../../../src/apixo/models/kling-2-6.ts';
import type { Attempt } from '../../../src/ledger/attempts.ts';
import type { PollPermit, MoveReply, UnclearAnswers } from '../../../src/ledger/attempt-replies.ts';
import { createLogger } from '../../../src/core/log.ts';
import { fixedPlan } from '../../../src/worker/polling/plan.ts';
import { pollStep, type PollDeps } from '../../../src/worker/steps/poll-step.ts';
import { PollLimiter } from '../../../src/worker/steps/poll-limiter.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { contextOf } from '../../support/step-context.ts';

const attempt: Attempt = { batch: 'b', id: 'a', attempt: 1 };
const context = contextOf(attempt);

/** Everything that a poll touches, with an API that gives `report`. */
function deps(
  report: TaskReport,
  permit: Partial<Extract<PollPermit, { kind: 'go' }>> = {},
  unclear: Partial<UnclearAnswers> = {},
) {
  const moves: string[] = [];
  const lines: string[] = [];
  const move = (name: string) => (): Promise<MoveReply> => {
    moves.push(name);
    return Promise.resolve({ result: 'moved', state: name });
  };
  const poll: PollDeps = {
    api: { status: () => Promise.resolve(report) },
    attempts: {
      pollPermit: () =>
        Promise.resolve({
          kind: 'go',
          waitMs: 0,
          taskId: 't',
          ageMs: 55_000,
          halted: undefined,
          tasks: 1,
          taskKind: 'kling-2-6/5/auto',
          unclear: 0,
          retried: false,
          callback: false,
          sinceHintMs: undefined,
          ...permit,
        }),
      hinted: () => Promise.resolve(false),
      generated: move('downloading'),
      taskFailedAgain: move('queued'),
      taskFailed: move('failed'),
      unclear: () => Promise.resolve({ count: 1, sinceMs: 0, tasks: 1, ...unclear }),
      understood: () => Promise.resolve(void moves.push('understood')),
      held: move('held'),
    },
    account: {
      halt: (reason) => {
        moves.push(`halted: ${reason}`);
        return Promise.resolve('halted');
      },
      cool: (reason) => {
        moves.push(`cooled for ${reason}`);
        return Promise.resolve({ coolMs: 0, ceiling: 1, refusals: 1 });
      },
    },
    queues: { download: () => Promise.resolve(void moves.push('enqueued')) },
    model: kling26,
    plan: fixedPlan(50_000, 5_000),
    limiter: new PollLimiter(8, 6),
    reportedStates: new Set(),
    clock: new FakeClock(),
    settings: { taskTimeoutMs: 1_800_000, maxAttempts: 3, tokenLifetimeMs: 600 },
  };
  const log = createLogger({ level: 'info', secrets: [], destination: { write: (line) => void lines.push(line) } });
  return { poll, moves, lines, log };
}

const running = (reported: string): TaskReport => ({
  state: 'running',
  reported,
  known: reported === 'processing',
});

describe('pollStep', () => {
  it('polls with a new request token after a hold: one from before it is void', async () => {
    const { poll } = deps(running('processing'));
    const { pollPermit } = poll.attempts;
    const held: boolean[] = [];
    poll.attempts.pollPermit = async (of, holding) => {
      held.push(holding);
      if (held.length === 2) return { kind: 'wait', ms: 500 };
      const permit = await pollPermit(of, holding);
      // Asked for once more, as the wait for its token was long.
      return held.length === 1 ? { ...permit, waitMs: 2_000 } : permit;
    };
    await pollStep(poll, context);
    expect(held).toEqual([false, true, false]);
  });

  it('polls again an interval later while the task runs', async () => {
    const { poll, moves } = deps(running('processing'));
    expect(await pollStep(poll, context)).toEqual({ kind: 'again', delayMs: 5_000 });
    expect(moves).toEqual([]);
  });

  it('polls on in an unknown state, and logs it once', async () => {
    const { poll, lines, log } = deps(running('dreaming'));
    for (const id of ['a', 'b', 'c']) await pollStep(poll, contextOf({ ...attempt, id }, { log }));
    expect(lines.filter((line) => line.includes('unknown task state'))).toEqual([expect.stringContaining('dreaming')]);
  });

  it('records a clip before anything else, then adds its download', async () => {
    const { poll, moves } = deps({
      state: 'success',
      urls: ['https://host.example/a.mp4'],
      generationMs: 53_000,
    });
    expect(await pollStep(poll, context)).toEqual({ kind: 'done' });
    expect(moves).toEqual(['downloading', 'enqueued']);
  });

  it('adds the download that a dead process did not add', async () => {
    const { poll, moves } = deps(running('processing'));
    poll.attempts.pollPermit = () => Promise.resolve({ kind: 'stale', state: 'downloading' });
    expect(await pollStep(poll, context)).toEqual({ kind: 'done' });
    expect(moves).toEqual(['enqueued']);
  });

  it.each([
    ['CONTENT_VIOLATION', 1, 'failed'],
    ['InputOutputSensitiveContentDetected', 1, 'queued'],
    ['InputOutputSensitiveContentDetected', 2, 'failed'],
    ['GENERATION_FAILED', 1, 'queued'],
    ['GENERATION_FAILED', 2, 'queued'],
    ['GENERATION_FAILED', 3, 'failed'],
    ['NEVER_HEARD_OF', 2, 'queued'],
    ['NEVER_HEARD_OF', 3, 'failed'],
  ])('after %s of task %i the item is %s', async (failCode, tasks, state) => {
    const { poll, moves } = deps({ state: 'failed', failCode, failMsg: 'because' }, { tasks });
    await pollStep(poll, context);
    expect(moves).toEqual([state]);
  });

  it('halts the account when a task failed for lack of credit, and requeues its item', async () => {
    const { poll, moves } = deps({ state: 'failed', failCode: 'INSUFFICIENT_CREDITS', failMsg: '' }, { tasks: 3 });
    await pollStep(poll, context);
    expect(moves).toEqual(['halted: no-credit', 'queued']);
  });

  it.each<[ErrorKind, number, string[], number]>([
    ['rate-limited', 55_000, ['cooled for rate'], 5_000],
    ['too-many-tasks', 55_000, ['cooled for rate'], 5_000],
    ['bad-key', 55_000, ['halted: bad-key'], 30_000],
    ['no-credit', 55_000, [], 20_000],
    ['wrong-endpoint', 55_000, [], 20_000],
    ['rejected', 55_000, [], 20_000],
    ['content', 55_000, [], 20_000],
    ['unknown-task', 55_000, [], 5_000],
    ['unavailable', 55_000, [], 20_000],
    ['server-error', 55_000, [], 20_000],
    ['network-refused', 55_000, [], 20_000],
    ['not-understood', 55_000, [], 5_000],
    ['unreachable', 55_000, [], 20_000],
    ['ambiguous', 55_000, [], 20_000],
  ])('after the error %s at the age of %i ms: %j, and polls %i ms later', async (kind, ageMs, expected, delayMs) => {
    const { poll, moves } = deps(running('processing'), { ageMs });
    poll.api.status = () => Promise.reject(new ApixoError(kind, 'X', 'no', { retryAfterMs: 20_000 }));
    expect(await pollStep(poll, context)).toEqual({ kind: 'again', delayMs });
    expect(moves).toEqual(expected);
  });

  const unclear: TaskReport = { state: 'unclear', why: 'no-url', raw: '{"state":"success"}' };

  it.each<[string, Partial<UnclearAnswers>, number, string[]]>([
    ['the first time', { count: 1 }, 60_000, []],
    ['often, but for a short time', { count: 50, sinceMs: 60_000 }, 120_000, []],
    ['for long, but not often', { count: 9, sinceMs: 600_000 }, 700_000, []],
    ['often and for long', { count: 10, sinceMs: 300_000 }, 400_000, ['held']],
    ['at the timeout', { count: 2, sinceMs: 5_000 }, 1_800_000, ['held']],
    ['with many others', { count: 1, tasks: 10 }, 60_000, ['halted: odd-answers']],
    ['of a task that is not polled any more', { count: 0 }, 60_000, []],
  ])(
    'polls a task with an unintelligible answer again, %s, and never replaces it',
    async (_what, counts, ageMs, ends) => {
      const { poll, moves } = deps(unclear, { ageMs }, counts);
      await pollStep(poll, context);
      expect(moves).toEqual(ends);
    },
  );

  it('resets unclear answers at the next intelligible one', async () => {
    const { poll, moves } = deps(running('processing'), { unclear: 3 });
    await pollStep(poll, context);
    expect(moves).toEqual(['understood']);
  });

  it.each<[boolean, number, Partial<UnclearAnswers>, string[]]>([
    [false, 60_000, { count: 20, sinceMs: 600_000 }, []],
    [false, 130_000, { count: 2, sinceMs: 5_000 }, []],
    [false, 600_000, { count: 20, sinceMs: 400_000 }, ['held']],
    [true, 600_000, { count: 20, sinceMs: 400_000 }, ['queued']],
  ])('polls an unknown task for a while (retried: %s, age %i, %j): %j', async (retried, ageMs, counts, ends) => {
    const { poll, moves } = deps(running('processing'), { ageMs, retried }, counts);
    poll.api.status = () => Promise.reject(new ApixoError('unknown-task', 'HTTP_404', 'no'));
    await pollStep(poll, context);
    expect(moves).toEqual(ends);
  });

  it.each([7_200_000, -7_200_000])('keeps its times when the clock is set by %d ms', async (setByMs) => {
    const { poll } = deps(running('processing'), { ageMs: 61_000 });
    const clock = new FakeClock();
    let setBy = 0;
    poll.clock = { now: () => clock.now() + setBy, elapsed: () => clock.elapsed(), sleep: (ms) => clock.sleep(ms) };
    poll.api.status = () => {
      setBy = setByMs;
      clock.advance(1_000);
      return Promise.resolve(running('processing'));
    };
    expect(await pollStep(poll, context)).toEqual({ kind: 'again', delayMs: 3_000 });
  });

  it.each([
    ['wrong-endpoint', 'HTTP_404'],
    ['rejected', 'HTTP_422'],
    ['no-credit', 'HTTP_402'],
    ['unavailable', 'HTTP_408'],
    ['server-error', 'HTTP_500'],
    ['ambiguous', 'HTTP_502'],
    ['not-understood', 'UNREADABLE_ANSWER'],
    ['rate-limited', 'HTTP_429'],
    ['bad-key', 'HTTP_401'],
  ] as const)('gives up a task whose polls all end in %s until the timeout', async (kind, code) => {
    for (const [ageMs, ends] of [
      [1_000_000, []],
      [1_800_000, ['held']],
    ] as const) {
      const { poll, moves } = deps(running('processing'), { ageMs });
      poll.api.status = () => Promise.reject(new ApixoError(kind, code, 'no'));
      await pollStep(poll, context);
      expect(moves.filter((move) => move === 'held')).toEqual(ends);
    }
  });

  it('polls again while the API is unreachable', async () => {
    const { poll, moves } = deps(running('processing'), { ageMs: 18_000_000 });
    poll.api.status = () => Promise.reject(new ApixoError('unreachable', 'X', 'no', { retryAfterMs: 20_000 }));
    expect(await pollStep(poll, context)).toEqual({ kind: 'again', delayMs: 20_000 });
    expect(moves).toEqual([]);
  });

  it('requests another permit after a hold, and if its token came late', async () => {
    const { poll } = deps(running('processing'));
    const { pollPermit } = poll.attempts;
    const asked: boolean[] = [];
    poll.attempts.pollPermit = async (_attempt, holdingToken) => {
      asked.push(holdingToken);
      if (asked.length === 1) return { kind: 'wait', ms: 5_000 };
      const reply = await pollPermit(_attempt, holdingToken);
      return asked.length === 2 && reply.kind === 'go' ? { ...reply, waitMs: 1_500 } : reply;
    };
    expect(await pollStep(poll, context)).toEqual({ kind: 'again', delayMs: 5_000 });
    expect(asked).toEqual([false, false, true]);
    expect((poll.clock as FakeClock).slept).toEqual([5_000, 1_500]);
  });

  it('gives up a task that exceeds the timeout', async () => {
    const { poll, moves } = deps(running('processing'), { ageMs: 1_800_000 });
    await pollStep(poll, context);
    expect(moves).toEqual(['held']);
  });
});
