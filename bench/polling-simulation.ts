import { zeroOverheadMs } from './makespan.ts';
import { Heap } from './heap.ts';
import { maxInWindow, type PacedLimit, type Pacing } from './pacing.ts';
import type { Load } from '../src/worker/polling/load.ts';
import { binOf } from '../src/worker/polling/hazard.ts';
import type { PollPlan } from '../src/worker/polling/plan.ts';

/** A batch on a simulated clock: no processes, no network, only waiting. */
export interface SimulatedBatch {
  clips: number;
  slots: number;
  maxRequests: number;
  windowMs: number;
  /** Maximum number of polls that wait for a token. */
  maxWaitingPolls: number;
  kindOf(clip: number): string;
  takesMs(kind: string, random: () => number): number;
  /** Grants request tokens. */
  pacing: (limit: PacedLimit) => Pacing;
  plan: (world: { now: () => number; readLoad: () => Promise<Load> }) => PollPlan;
}

export interface SimulatedResult {
  /** Zero-overhead makespan over the simulated one. */
  efficiency: number;
  pollsPerClip: number;
  /** From the end of a task to the poll that shows it, in milliseconds, over the second half of the batch. */
  steadyLateMs: number;
  steadyPollsPerClip: number;
  /** Number of polls planned later than by the fixed plan; expected to be 0. */
  plannedTooLate: number;
  /** Mean and longest time between two polls of a task that has run for two to four minutes, in milliseconds. */
  gapsMs: [mean: number, longest: number];
  /** Time until all slots are in use for the first time, in milliseconds. */
  filledMs: number;
  /** Maximum number of requests in any window. */
  maxInWindow: number;
}

interface Task {
  clip: number;
  kind: string;
  acceptedAt: number;
  endsAt: number;
  polledAt: number;
}

/** Simulates a batch. @param fixed the plan that `plannedTooLate` compares with */
export async function simulateBatch(
  batch: SimulatedBatch,
  fixed: PollPlan,
  random: () => number,
): Promise<SimulatedResult> {
  const pace = batch.pacing({ ...batch, maxTasks: batch.slots });
  const sent: number[] = [];
  const events = new Heap<() => void>();
  const running = new Set<Task>();
  const took = new Map<string, Map<number, number>>();
  const times: number[] = [];
  const waiting: Task[] = [];
  let now = 0;
  let limiter = 0;
  let submitted = 0;
  let posting = 0;
  let endMs = 0;
  let polls = 0;
  let steadyPolls = 0;
  let lateMs = 0;
  let plannedTooLate = 0;
  let demanded = false;
  let filledMs: number | undefined;
  const gaps = { sum: 0, count: 0, longest: 0 };

  const plan = batch.plan({
    now: () => now,
    readLoad: () => {
      demanded = true;
      const kinds = new Map(
        [...took].map(([kind, counts]) => [kind, { took: counts, running: new Map<number, number>(), older: 0 }]),
      );
      for (const { kind, acceptedAt } of running) count(kinds.get(kind)?.running, binOf(now - acceptedAt));
      return Promise.resolve({ tokenMs: (batch.windowMs * 1.02) / batch.maxRequests, slots: running.size, kinds });
    },
  });
  const at = (time: number, action: () => void) => events.push(time, action);

  function token(what: 'submit' | 'poll'): number {
    const usable = pace(now, what, submitted < batch.clips || posting > 0);
    sent.push(usable);
    return usable;
  }

  function submit(): void {
    if (submitted === batch.clips) return;
    const clip = submitted++;
    posting += 1;
    at(token('submit'), () => accept(clip));
  }

  function accept(clip: number): void {
    posting -= 1;
    const kind = batch.kindOf(clip);
    if (!took.has(kind)) took.set(kind, new Map());
    const takes = batch.takesMs(kind, random);
    times[clip] = takes;
    const task = { clip, kind, acceptedAt: now, endsAt: now + takes, polledAt: now };
    running.add(task);
    if (running.size === batch.slots) filledMs ??= now;
    pollLater(task, plan.firstPollDelayMs(kind), fixed.firstPollDelayMs(kind));
  }

  function pollLater(task: Task, delay: number, latest: number): void {
    if (delay > latest) plannedTooLate += 1;
    at(now + delay, () => poll(task));
  }

  function poll(task: Task): void {
    if (limiter >= batch.maxWaitingPolls) {
      waiting.push(task);
      return;
    }
    limiter += 1;
    polls += 1;
    if (task.clip > batch.clips / 2) steadyPolls += 1;
    at(token('poll'), () => answer(task));
  }

  function answer(task: Task): void {
    limiter -= 1;
    const next = waiting.shift();
    if (next) poll(next);
    const age = now - task.acceptedAt;
    if (age > 120_000 && age < 240_000) {
      gaps.sum += now - task.polledAt;
      gaps.count += 1;
      gaps.longest = Math.max(gaps.longest, now - task.polledAt);
    }
    task.polledAt = now;
    if (now < task.endsAt) {
      pollLater(task, plan.nextPollDelayMs(age, task.kind), fixed.nextPollDelayMs(age, task.kind));
      return;
    }
    running.delete(task);
    if (task.clip > batch.clips / 2) lateMs += now - task.endsAt;
    endMs = now;
    count(took.get(task.kind), binOf(task.endsAt - task.acceptedAt));
    submit();
  }

  for (let slot = 0; slot < batch.slots; slot += 1) submit();
  for (let event = events.pop(); event; event = events.pop()) {
    now = event.at;
    event.value();
    if (!demanded) continue;
    demanded = false;
    // The plan receives the demand before the next event.
    await new Promise(setImmediate);
  }
  return {
    efficiency: zeroOverheadMs(times, batch.slots) / endMs,
    pollsPerClip: polls / batch.clips,
    steadyLateMs: lateMs / (batch.clips / 2),
    steadyPollsPerClip: steadyPolls / (batch.clips / 2),
    plannedTooLate,
    gapsMs: [gaps.sum / gaps.count, gaps.longest],
    filledMs: filledMs ?? Infinity,
    maxInWindow: maxInWindow(sent, batch.windowMs),
  };
}

function count(counts: Map<number, number> | undefined, bin: number): void {
  counts?.set(bin, (counts.get(bin) ?? 0) + 1);
}
