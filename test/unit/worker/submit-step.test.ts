import { describe, expect, it } from 'vitest';
import { ApixoError, type ErrorKind } from '../../../src/apixo/errors.ts';
import { kling26 } from '../../../src/apixo/models/kling-2-6.ts';
import type { BalanceReply, HaltReply } from '../../../src/ledger/account.ts';
import type { Attempt } from '../../../src/ledger/attempts.ts';
import type { BeginReply, MoveReply } from '../../../src/ledger/attempt-replies.ts';
import { submitStep, type SubmitDeps } from '../../../src/worker/steps/submit-step.ts';
import { acknowledged } from '../../support/acknowledged.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { contextOf } from '../../support/step-context.ts';

const attempt: Attempt = { batch: 'b', id: 'a', attempt: 1 };
const context = contextOf(attempt);
const input = { mode: 'text-to-video', prompt: 'a fox', duration: 5, sound: true, aspect_ratio: '1:1' };
const go = (tasks = 0, serverErrors = 0): BeginReply => ({
  kind: 'go',
  input,
  provider: 'auto',
  tasks,
  refusals: 0,
  serverErrors,
});

/** Everything a submission touches; `replies` are the replies of Redis to requests for the permit, in order. */
function world(
  replies: BeginReply[],
  onAmbiguous: 'hold' | 'resubmit' = 'hold',
  {
    halts = 'halted',
    failures = 1,
    balance = 'unknown',
  }: { halts?: HaltReply; failures?: number; balance?: BalanceReply } = {},
) {
  const clock = new FakeClock();
  const did: string[] = [];
  const tries = new Set<string>();
  const move = (name: string): Promise<MoveReply> => {
    did.push(name);
    return Promise.resolve({ result: 'moved', state: name });
  };
  const deps: SubmitDeps = {
    api: {
      generate: () => {
        did.push('posted');
        return Promise.resolve({ taskId: 't' });
      },
    },
    attempts: {
      begin: (_attempt, tryId) => {
        tries.add(tryId);
        const reply = replies.shift();
        return reply ? Promise.resolve(reply) : Promise.reject(new Error('asked too often'));
      },
      accepted: () => move('accepted'),
      notAccepted: (_attempt, refusals, delayMs) =>
        move(`queued with ${refusals} refusals, ${delayMs > 0 ? 'later' : 'at once'}`),
      rejected: () => move('rejected'),
      ambiguous: () => move('held'),
      resubmit: (_attempt, _cause, _mayRunMs, { tasks, delayMs }) =>
        move(`resubmitted after ${tasks}, ${delayMs > 0 ? 'later' : 'at once'}`),
    },
    connection: acknowledged,
    requests: {
      reserve: () => {
        did.push('reserved a token');
        return Promise.resolve(0);
      },
    },
    submissions: { posting: () => {} },
    account: {
      halt: (reason) => {
        did.push(`halted: ${reason}`);
        return Promise.resolve(halts);
      },
      cool: (reason, _ms, agoMs) => {
        did.push(`cooled for ${reason}, ${agoMs} ms ago`);
        return Promise.resolve({ coolMs: 0, ceiling: 1, refusals: failures });
      },
    },
    evidence: { check: () => Promise.resolve(balance) },
    queues: { poll: async () => void did.push('polling') },
    inputs: undefined,
    model: kling26,
    plan: { firstPollDelayMs: () => 50_000 },
    limiter: (ask) => ask(),
    clock,
    settings: { onAmbiguous, maxAttempts: 3, taskTimeoutMs: 1_800_000, tokenLifetimeMs: 600 },
  };
  return { deps, clock, did, tries, step: () => submitStep(deps, context) };
}

describe('submitStep', () => {
  it('posts with a permit, records the task, and polls later', async () => {
    const { did, step } = world([{ kind: 'wait', ms: 300 }, go()]);
    expect(await step()).toEqual({ kind: 'done' });
    expect(did).toEqual(['posted', 'accepted', 'polling']);
  });

  it('posts with another request token if the first is older than the margin of the bucket', async () => {
    const { deps, clock, did, tries, step } = world([go()]);
    const { begin } = deps.attempts;
    deps.attempts.begin = async (...args) => {
      const reply = await begin(...args);
      clock.advance(1_300);
      return reply;
    };
    await step();
    expect(did).toEqual(['reserved a token', 'posted', 'accepted', 'polling']);
    expect(tries.size).toBe(1);
  });

  it.each([
    ['every token grows too old', 3_000, 0, 3],
    ['the next token is far away', 1_300, 6_000, 1],
    ['no limits are published', 1_300, undefined, 1],
  ])('posts nothing if %s: the item waits, and uses no tokens', async (_what, slowMs, waitMs, tokens) => {
    const { deps, clock, did, step } = world([go(), go(), go(), go(), go(), go()]);
    const { begin } = deps.attempts;
    deps.attempts.begin = async (...args) => {
      const reply = await begin(...args);
      clock.advance(slowMs);
      return reply;
    };
    deps.requests.reserve = () => {
      did.push('reserved a token');
      clock.advance(slowMs);
      return Promise.resolve(waitMs);
    };
    await step();
    expect(did).toEqual([...Array<string>(tokens).fill('reserved a token'), 'queued with 0 refusals, later']);
  });

  it('returns the item to its queue when the process drains while it waits for another request token', async () => {
    const { deps, clock, did } = world([go()]);
    const { begin } = deps.attempts;
    deps.attempts.begin = async (...args) => {
      const reply = await begin(...args);
      clock.advance(1_300);
      return reply;
    };
    const draining = new AbortController();
    deps.requests.reserve = () => {
      draining.abort(new Error('draining'));
      return Promise.resolve(300);
    };
    await submitStep(deps, { ...context, signal: draining.signal });
    expect(did).toEqual(['queued with 0 refusals, at once']);
  });

  it.each([
    ['was given up by another process', { kind: 'stale', state: 'held' }],
    ['has another attempt', { kind: 'stale', state: '' }],
    ['was begun by another process', { kind: 'unknown', tasks: 0 }],
  ] as const)('posts nothing when the process was suspended, and the item %s', async (_what, now) => {
    const { deps, clock, did, step } = world([go(), now]);
    // The machine sleeps between Redis's reply and the POST.
    deps.attempts.begin = (
      (begin) =>
      async (...args) => {
        const reply = await begin(...args);
        if (reply.kind === 'go') clock.advance(20_000);
        return reply;
      }
    )(deps.attempts.begin);
    expect(await step()).toEqual({ kind: 'done' });
    // The ledger refuses that where another try has the attempt.
    expect(did).toEqual(['queued with 0 refusals, at once']);
  });

  it('posts nothing while the record of its permit has no second witness', async () => {
    const { deps, did, step } = world([go()]);
    deps.connection = { ...acknowledged, acknowledged: () => Promise.resolve(false) };
    expect(await step()).toEqual({ kind: 'done' });
    expect(did).toEqual(['queued with 0 refusals, later']);
  });

  it.each(['the fence', 'the URL of its callback'])('holds nothing if %s fails: nothing was posted', async (what) => {
    const { deps, did, step } = world([go()]);
    const fail = () => {
      throw new Error('OOM command not allowed');
    };
    if (what === 'the fence') deps.connection = { ...acknowledged, acknowledged: async () => fail() };
    else deps.callbacks = { urlOf: fail, plan: deps.plan };
    expect(await step()).toEqual({ kind: 'done' });
    expect(did).toEqual(['queued with 1 refusals, later']);
  });

  it.each<[ErrorKind]>([['bad-key'], ['rate-limited'], ['too-many-tasks']])(
    'keeps the answer %s even if Redis does not record the account',
    async (kind) => {
      const { deps, did, step } = world([go()]);
      const away = () => Promise.reject(new Error('Connection is closed.'));
      deps.account = { halt: away, cool: away };
      deps.api.generate = () => Promise.reject(new ApixoError(kind, 'X', 'no'));
      await step().catch(() => {});
      expect(did).toEqual([expect.stringMatching(/^queued/)]);
    },
  );

  it('holds a submission whose answer was lost, and delays others if that continues', async () => {
    const { deps, clock, did, step } = world([go()]);
    deps.api.generate = () => {
      clock.advance(700);
      return Promise.reject(new ApixoError('ambiguous', 'HTTP_502', 'bad gateway'));
    };
    await step();
    expect(did).toEqual(['held', 'cooled for trouble, 700 ms ago']);
  });

  it.each<[ErrorKind, string[]]>([
    ['rate-limited', ['cooled for rate, 0 ms ago', 'queued with 1 refusals, at once']],
    ['too-many-tasks', ['cooled for tasks, 0 ms ago', 'queued with 1 refusals, at once']],
    ['bad-key', ['halted: bad-key', 'queued with 0 refusals, at once']],
    ['no-credit', ['halted: no-credit', 'queued with 0 refusals, at once']],
    ['wrong-endpoint', ['halted: wrong-endpoint', 'queued with 0 refusals, at once']],
    ['rejected', ['rejected']],
    ['content', ['rejected']],
    ['unknown-task', ['rejected']],
    ['network-refused', ['halted: network-refused', 'queued with 0 refusals, at once']],
    ['unavailable', ['queued with 1 refusals, later', 'cooled for trouble, 0 ms ago']],
    ['server-error', ['queued with 1 refusals, later', 'cooled for trouble, 0 ms ago']],
    ['unreachable', ['queued with 1 refusals, later', 'cooled for trouble, 0 ms ago']],
    ['ambiguous', ['held', 'cooled for trouble, 0 ms ago']],
    ['not-understood', ['held', 'cooled for trouble, 0 ms ago']],
  ])('after the error %s: %j', async (kind, expected) => {
    const { deps, did, step } = world([go()]);
    deps.api.generate = () => Promise.reject(new ApixoError(kind, 'X', 'no'));
    expect(await step()).toEqual({ kind: 'done' });
    expect(did).toEqual(expected);
  });

  it.each<[string, MoveReply, string[]]>([
    ['counts as lost', { result: 'moved', state: 'held' }, ['cooled for lost, 0 ms ago']],
    ['counts as nothing once a callback has brought the task', { result: 'refused', state: 'generating' }, []],
  ])('a lost answer of an attempt with a callback URL %s', async (_what, move, expected) => {
    const { deps, did, step } = world([go()]);
    deps.callbacks = { urlOf: () => 'https://clips.test/cb', plan: deps.plan };
    deps.attempts.ambiguous = () => Promise.resolve(move);
    deps.api.generate = () => Promise.reject(new ApixoError('ambiguous', 'CONNECTION_LOST', 'lost'));
    await step();
    expect(did).toEqual(expected);
  });

  it.each<[BalanceReply, number, string]>([
    ['unbilled', 2, 'queued with 1 refusals, later'],
    ['unknown', 1, 'queued with 1 refusals, later'],
    ['unknown', 2, 'held'],
    ['billed', 0, 'held'],
  ])('after a 500, with the balance %s and %i such answers before: %s', async (balance, before, end) => {
    const { deps, did, step } = world([go(0, before)], 'hold', { balance });
    deps.api.generate = () => Promise.reject(new ApixoError('server-error', 'HTTP_500', 'no'));
    await step();
    expect(did).toEqual([end, 'cooled for trouble, 0 ms ago']);
  });

  it.each<[ErrorKind, string[]]>([
    ['server-error', ['halted: unavailable']],
    ['unavailable', ['halted: unavailable']],
    ['ambiguous', ['halted: lost-answers']],
    ['not-understood', ['halted: odd-answers']],
    ['unreachable', []],
  ])('halts at the tenth failing answer in a row: %s', async (kind, halts) => {
    const { deps, did, step } = world([go()], 'hold', { failures: 10 });
    deps.api.generate = () => Promise.reject(new ApixoError(kind, 'X', 'no'));
    await step();
    expect(did.slice(2)).toEqual(halts);
  });

  it.each<[HaltReply, string]>([
    ['known', 'queued with 0 refusals, at once'],
    ['doubted', 'queued with 0 refusals, later'],
    ['own', 'rejected'],
  ])('posts an item again, or rejects it, if its answer does not halt the account: %s', async (halts, end) => {
    const { deps, did, step } = world([go()], 'hold', { halts });
    deps.api.generate = () => Promise.reject(new ApixoError('no-credit', 'HTTP_400', 'no', { byWords: true }));
    await step();
    expect(did).toEqual(['halted: no-credit', end]);
  });

  it.each([
    [0, 'resubmitted after 1, later'],
    [1, 'resubmitted after 2, later'],
    [2, 'held'],
  ])('posts it again with CLIPMILL_ON_AMBIGUOUS=resubmit, up to the allowed tasks: after %i', async (tasks, end) => {
    const lost = world([go(tasks)], 'resubmit');
    lost.deps.api.generate = () => Promise.reject(new ApixoError('ambiguous', 'CONNECTION_LOST', 'lost'));
    await lost.step();
    expect(lost.did[0]).toBe(end);
    const died = world([{ kind: 'unknown', tasks }], 'resubmit');
    await died.step();
    expect(died.did).toEqual([end]);
  });
});
