import { kling26 } from '../src/apixo/models/kling-2-6.ts';
import { adaptivePlan } from '../src/worker/polling/adaptive.ts';
import { Durations } from '../src/worker/polling/durations.ts';
import { fixedPlan } from '../src/worker/polling/plan.ts';
import { MAX_WAITING_POLLS } from '../src/worker/steps/poll-limiter.ts';
import { paidBack, returningTokens, sharedTokens, smallBurst, type Pacing, type PacedLimit } from './pacing.ts';
import { simulateBatch, type SimulatedBatch, type SimulatedResult } from './polling-simulation.ts';

const POLLING = { pollDelayMs: 50_000, pollIntervalMs: 5_000, model: kling26 };

const pacings: Record<string, (limit: PacedLimit) => Pacing> = {
  'small burst': smallBurst,
  'paid back': paidBack,
  returning: (limit) => returningTokens(limit, 0),
  'for submissions alone': (limit) => returningTokens(limit, Infinity),
  shared: (limit) => sharedTokens(limit, false),
  'shared and repaid (in use)': (limit) => sharedTokens(limit, true),
};

const plans = [
  { slots: 1_000, maxRequests: 10_000 },
  { slots: 10, maxRequests: 60 },
  { slots: 3, maxRequests: 10 },
];
const clips = { '5 s': [50_000, 70_000], '10 s': [80_000, 100_000] } as const;

const SEEDS = 5;
const fixed = fixedPlan(POLLING.pollDelayMs, POLLING.pollIntervalMs);
const pollings = {
  fixed: () => fixed,
  adaptive: (world) =>
    adaptivePlan({
      ...POLLING,
      durations: new Durations({
        ...POLLING,
        ...world,
        onError: (error) => {
          throw error;
        },
      }),
    }),
} satisfies Record<string, SimulatedBatch['plan']>;

function seeded(seed: number): () => number {
  let state = seed;
  return () => (state = (state * 1_664_525 + 1_013_904_223) % 4_294_967_296) / 4_294_967_296;
}

interface Simulated {
  slots: number;
  maxRequests: number;
  clips: number;
  seconds: keyof typeof clips;
  polling: keyof typeof pollings;
  pacing: (limit: PacedLimit) => Pacing;
  seed: number;
}

function simulate({ seconds, polling, seed, ...batch }: Simulated): Promise<SimulatedResult> {
  const [min, max] = clips[seconds];
  return simulateBatch(
    {
      ...batch,
      windowMs: 60_000,
      maxWaitingPolls: MAX_WAITING_POLLS,
      kindOf: () => `kling-2-6/${seconds.split(' ')[0]}/auto`,
      takesMs: (_kind, random) => min + (max - min) * random(),
      plan: pollings[polling],
    },
    fixed,
    seeded(seed),
  );
}

/** Returns the best mean efficiency of all pacing algorithms and both pollings, over five simulated batches each. */
export async function bestSimulated(
  batch: Pick<Simulated, 'slots' | 'maxRequests' | 'clips' | 'seconds'>,
): Promise<number> {
  let best = 0;
  for (const polling of ['fixed', 'adaptive'] as const) {
    for (const pacing of Object.values(pacings)) {
      let sum = 0;
      for (let seed = 1; seed <= SEEDS; seed += 1)
        sum += (await simulate({ ...batch, polling, pacing, seed })).efficiency;
      best = Math.max(best, sum / SEEDS);
    }
  }
  return best;
}

/** Prints the efficiency of whole simulated batches with each pacing algorithm, and how soon all slots are full. */
export async function printPacing(): Promise<void> {
  console.log(`| requests, slots | clips | polling | ${Object.keys(pacings).join(' | ')} |`);
  console.log(`| --- | --- | --- |${' --- |'.repeat(Object.keys(pacings).length)}`);
  for (const plan of plans) {
    for (const seconds of ['5 s', '10 s'] as const) {
      for (const polling of ['fixed', 'adaptive'] as const) {
        for (const generations of [1, 5]) {
          const cells: string[] = [];
          for (const pacing of Object.values(pacings)) {
            const result = await simulate({
              ...plan,
              clips: generations * plan.slots,
              seconds,
              polling,
              pacing,
              seed: 1,
            });
            if (result.maxInWindow > plan.maxRequests) throw new Error(`${pacing.name} exceeds the limit`);
            cells.push(`${result.efficiency.toFixed(3)}, full after ${(result.filledMs / 1_000).toFixed(1)} s`);
          }
          const size = `${generations * plan.slots} × ${seconds}`;
          console.log(`| ${plan.maxRequests}, ${plan.slots} | ${size} | ${polling} | ${cells.join(' | ')} |`);
        }
      }
    }
  }
}
