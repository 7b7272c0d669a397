import { zeroOverheadMs } from './makespan.ts';
import { Heap } from './heap.ts';
import { mostInWindow, type PacedLimit, type Pacing } from './pacing.ts';
import type { Demand } from '../src/worker/polling/load.ts';
import { binOf } from '../src/worker/polling/hazard.ts';
import type { PollPlan } from '../src/worker/polling/plan.ts';

/** A batch at the published limits, on a clock of its own: no processes, no network, only waiting. */
export interface SimulatedBatch {
  clips: number;
  slots: number;
  maxRequests: number;
  windowMs: number;
  /** Looks that may wait for a token at once. */
  line: number;
  kindOf(clip: number): string;
  takesMs(kind: string, random: () => number): number;
  /** Hands out request tokens. */
  pacing: (limit: PacedLimit) => Pacing;
  plan: (world: { now: () => number; demand: () => Promise<Demand> }) => PollPlan;
}

export interface SimulatedResult {
  /** Zero-overhead makespan over the simulated one. */
  efficiency: number;
  looksPerClip: number;
  /** From the end of a task to the look that shows it, in milliseconds, over the second half of the batch. */
  steadyLateMs: number;
  steadyLooksPerClip: number;
  /** Looks planned later than the fixed plan would have: never. */
  plannedTooLate: number;
  /** The mean and the longest time between two polls of a task that has run for two to four minutes, in milliseconds. */
  gapsMs: [mean: number, longest: number];
  /** When all slots were in use for the first time, in milliseconds. */
  filledMs: number;
  /** The most requests in any window. */
  mostInWindow: number;
}

interface Task {
  clip: number;
  kind: string;
  acceptedAt: number;
  endsAt: number;
  lookedAt: number;
}

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
  const line: Task[] = [];
  let now = 0;
  let limiter = 0;
  let submitted = 0;
  let endMs = 0;
  let looks = 0;
  let steadyLooks = 0;
  let lateMs = 0;
  let plannedTooLate = 0;
  let asked = false;
  let filledMs: number | undefined;
  const gaps = { sum: 0, count: 0, longest: 0 };

  const plan = batch.plan({
    now: () => now,
    demand: () => {
      asked = true;
      const kinds = new Map(
        [...took].map(([kind, counts]) => [kind, { took: counts, running: new Map<number, number>(), older: 0 }]),
      );
      for (const { kind, acceptedAt } of running) count(kinds.get(kind)?.running, binOf(now - acceptedAt));
      return Promise.resolve({ tokenMs: (batch.windowMs * 1.02) / batch.maxRequests, slots: running.size, kinds });
    },
  });
  const at = (time: number, what: () => void) => events.push(time, what);

  function token(what: 'submit' | 'poll'): number {
    const usable = pace(now, what);
    sent.push(usable);
    return usable;
  }

  function submit(): void {
    if (submitted === batch.clips) return;
    const clip = submitted++;
    at(token('submit'), () => accept(clip));
  }

  function accept(clip: number): void {
    const kind = batch.kindOf(clip);
    if (!took.has(kind)) took.set(kind, new Map());
    const takes = batch.takesMs(kind, random);
    times[clip] = takes;
    const task = { clip, kind, acceptedAt: now, endsAt: now + takes, lookedAt: now };
    running.add(task);
    if (running.size === batch.slots) filledMs ??= now;
    lookLater(task, plan.firstPollDelayMs(kind), fixed.firstPollDelayMs(kind));
  }

  function lookLater(task: Task, delay: number, latest: number): void {
    if (delay > latest) plannedTooLate += 1;
    at(now + delay, () => look(task));
  }

  function look(task: Task): void {
    if (limiter >= batch.line) {
      line.push(task);
      return;
    }
    limiter += 1;
    looks += 1;
    if (task.clip > batch.clips / 2) steadyLooks += 1;
    at(token('poll'), () => answer(task));
  }

  function answer(task: Task): void {
    limiter -= 1;
    const next = line.shift();
    if (next) look(next);
    const age = now - task.acceptedAt;
    if (age > 120_000 && age < 240_000) {
      gaps.sum += now - task.lookedAt;
      gaps.count += 1;
      gaps.longest = Math.max(gaps.longest, now - task.lookedAt);
    }
    task.lookedAt = now;
    if (now < task.endsAt) {
      lookLater(task, plan.nextPollDelayMs(age, task.kind), fixed.nextPollDelayMs(age, task.kind));
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
    event.what();
    if (!asked) continue;
    asked = false;
    // The plan hears the answer before anything else happens.
    await new Promise(setImmediate);
  }
  return {
    efficiency: zeroOverheadMs(times, batch.slots) / endMs,
    looksPerClip: looks / batch.clips,
    steadyLateMs: lateMs / (batch.clips / 2),
    steadyLooksPerClip: steadyLooks / (batch.clips / 2),
    plannedTooLate,
    gapsMs: [gaps.sum / gaps.count, gaps.longest],
    filledMs: filledMs ?? Infinity,
    mostInWindow: mostInWindow(sent, batch.windowMs),
  };
}

function count(counts: Map<number, number> | undefined, bin: number): void {
  counts?.set(bin, (counts.get(bin) ?? 0) + 1);
}
