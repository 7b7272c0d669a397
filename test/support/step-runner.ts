import type { Job, Queue } from 'bullmq';
import { ApixoError } from '../../src/apixo/errors.ts';
import type { TaskReport } from '../../src/apixo/read/task-report.ts';
import { createAttempts, type Attempt } from '../../src/ledger/attempts.ts';
import { dispatch } from '../../src/ledger/dispatch.ts';
import type { StepResult } from '../../src/queue/step-result.ts';
import { fixedPlan } from '../../src/worker/polling/plan.ts';
import { pollStep } from '../../src/worker/steps/poll-step.ts';
import { PollLimiter } from '../../src/worker/steps/poll-limiter.ts';
import { acknowledged } from './acknowledged.ts';
import { stepData, type QueueName } from '../../src/queue/queues.ts';
import { reconcile } from '../../src/worker/maintenance/reconcile.ts';
import { submitStep } from '../../src/worker/steps/submit-step.ts';
import type { App } from '../../src/app.ts';
import { engineOf } from './queue-engine.ts';
import { contextOf } from './step-context.ts';

export const submitAnswers = ['ok', 'busy', 'slow-down', 'rejected', 'lost-made', 'lost-unmade'] as const;
export const pollAnswers = ['running', 'success', 'failed', 'busy'] as const;

/** The API's next answer. */
export interface Answers {
  submit: (typeof submitAnswers)[number];
  poll: (typeof pollAnswers)[number];
}

/** The process dies at one of its calls to the outside, counted from 1, before or after it is carried out. */
export interface Death {
  atCall: number;
  side: 'before' | 'after';
  /** Whether its job is gone with it; else it runs again, as a stalled one does. */
  jobLost: boolean;
}

class Died extends Error {}

/** The API in memory: its submissions, and whether a task may exist whose end is not known. */
class MemoryApi {
  answers: Answers = { submit: 'ok', poll: 'success' };
  /** Prompts posted although an earlier post of theirs was not known to have come to nothing. */
  readonly doubled: string[] = [];
  readonly #open = new Set<string>();
  readonly #prompts = new Map<string, string>();

  generate = (_model: unknown, { input }: { input: object }): Promise<{ taskId: string }> => {
    const prompt = 'prompt' in input ? String(input.prompt) : '';
    if (this.#open.has(prompt)) this.doubled.push(prompt);
    switch (this.answers.submit) {
      case 'busy':
        return Promise.reject(new ApixoError('unavailable', 'HTTP_503', 'busy'));
      case 'slow-down':
        return Promise.reject(new ApixoError('rate-limited', 'HTTP_429', 'slow down'));
      case 'rejected':
        return Promise.reject(new ApixoError('rejected', 'HTTP_422', 'no'));
      case 'lost-made':
      case 'lost-unmade':
        this.#open.add(prompt);
        return Promise.reject(new ApixoError('ambiguous', 'CONNECTION_LOST', 'lost'));
      default: {
        this.#open.add(prompt);
        const taskId = `task-${this.#prompts.size + 1}`;
        this.#prompts.set(taskId, prompt);
        return Promise.resolve({ taskId });
      }
    }
  };

  status = (_model: unknown, taskId: string): Promise<TaskReport> => {
    switch (this.answers.poll) {
      case 'busy':
        return Promise.reject(new ApixoError('unavailable', 'HTTP_503', 'busy'));
      case 'running':
        return Promise.resolve({ state: 'running', reported: 'processing', known: true });
      case 'failed':
        this.#open.delete(this.#prompts.get(taskId) ?? '');
        return Promise.resolve({ state: 'failed', failCode: 'PROCESSING_TIMEOUT', failMsg: '' });
      default:
        return Promise.resolve({ state: 'success', urls: ['https://example.com/x.mp4'], generationMs: 1 });
    }
  };
}

/** Runs the steps one at a time on the real ledger and the real queues, without workers and waits. */
export class StepRunner {
  readonly api = new MemoryApi();
  readonly #app: App;
  readonly #engines: Record<QueueName, Queue>;

  constructor(app: App) {
    this.#app = app;
    this.#engines = {
      submit: engineOf(app, 'submit'),
      poll: engineOf(app, 'poll'),
      download: engineOf(app, 'download'),
    };
  }

  async dispatch(death?: Death): Promise<void> {
    const { run, queues } = this.#process(death);
    await survived(async () => {
      const { attempts } = await dispatch(run, 10);
      await queues.submit(attempts);
    });
  }

  async reconcile(): Promise<void> {
    const minute = 60_000;
    await reconcile({ ...this.#app, maxDelayMs: { submit: minute, poll: minute, download: minute } });
  }

  /** Jobs of a queue, due or not. */
  async jobs(name: QueueName): Promise<Job[]> {
    const jobs = await this.#engines[name].getJobs(['waiting', 'delayed', 'prioritized']);
    return jobs.filter((job: Job | undefined) => job !== undefined);
  }

  /** Runs one step of one job. */
  async step(name: QueueName, job: Job, death?: Death): Promise<void> {
    const attempt = stepData.parse(job.data);
    const result = await survived(() => this.#steps(death)[name](attempt));
    if (result === 'died' ? death?.jobLost : result.kind === 'done') await job.remove();
  }

  #process(death: Death | undefined) {
    const { run, model, log, clock } = this.#app;
    const mortal = mortality(death);
    const queues = mortal.all(this.#app.queues);
    const attempts = createAttempts({ ...this.#app, onDispatched: (given) => queues.submit(given) });
    return {
      run: mortal.call(run),
      queues,
      attempts: mortal.all({
        ...attempts,
        // No test waits for a backoff.
        notAccepted: (attempt: Attempt, refusals: number) => attempts.notAccepted(attempt, refusals, 0),
        taskFailedAgain: (attempt: Attempt, cause: { code: string; message: string }) =>
          attempts.taskFailedAgain(attempt, cause, 0),
      }),
      api: { generate: mortal.call(this.api.generate), status: mortal.call(this.api.status) },
      account: {
        halt: () => Promise.resolve('known' as const),
        cool: () => Promise.resolve({ coolMs: 0, ceiling: 0, refusals: 0 }),
      },
      evidence: { check: () => Promise.resolve('unbilled' as const) },
      model,
      log,
      clock,
      connection: acknowledged,
      requests: this.#app.requests,
      submissions: { posting: () => {} },
      inputs: undefined,
      plan: fixedPlan(0, 1),
      limiter: <T>(ask: () => Promise<T>) => ask(),
      reportedStates: new Set<string>(),
    };
  }

  #steps(death: Death | undefined): Record<QueueName, (attempt: Attempt) => Promise<StepResult>> {
    const deps = this.#process(death);
    const common = { onAmbiguous: 'hold', tokenLifetimeMs: 60_000, maxAttempts: 3 } as const;
    return {
      // The slots of ambiguous submissions end at once.
      submit: (attempt) => submitStep({ ...deps, settings: { ...common, taskTimeoutMs: 1 } }, contextOf(attempt)),
      poll: (attempt) =>
        pollStep(
          { ...deps, limiter: new PollLimiter(8, 6), settings: { ...common, taskTimeoutMs: 60_000 } },
          contextOf(attempt),
        ),
      download: async (attempt) => {
        if (await deps.attempts.downloadTask(attempt)) {
          await deps.attempts.stored(attempt, { location: 'x', size: 1, sha256: 'y' });
        }
        return { kind: 'done' };
      },
    };
  }
}

/** Wraps calls so that the process dies at one of them, and does nothing more from then on. */
function mortality(death: Death | undefined) {
  let calls = 0;
  let dead = false;
  function die(): never {
    dead = true;
    throw new Died();
  }
  function call<Args extends unknown[], Result>(method: (...args: Args) => Promise<Result>) {
    return async (...args: Args): Promise<Result> => {
      if (dead) die();
      calls += 1;
      const last = calls === death?.atCall;
      if (last && death.side === 'before') die();
      const result = await method(...args);
      if (last) die();
      return result;
    };
  }
  type Calls = Record<string, (...args: never[]) => unknown>;
  function all<T extends object>(methods: T): T {
    const wrapped = Object.entries(methods as Calls).map(([name, method]) => [
      name,
      call(method as (...args: unknown[]) => Promise<unknown>),
    ]);
    return Object.fromEntries(wrapped) as T;
  }
  return { call, all };
}

async function survived<T>(work: () => Promise<T>): Promise<T | 'died'> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof Died) return 'died';
    throw error;
  }
}
