import { z } from 'zod';
import { UserError } from '../core/errors.ts';
import type { Faults } from './faults.ts';
import { describeIssue } from './request-body.ts';

/** Options of a simulator. All are optional; an invalid option throws a UserError. */
export interface SimulatorOptions {
  /** Port. Default: 0, any free port. */
  port?: number | undefined;
  /** Address to listen on. Default: 127.0.0.1. */
  host?: string | undefined;
  /** Base of result URLs, such as `http://simulator:4010` between containers. Default: `http://host:port`. */
  publicUrl?: string | undefined;
  /** The only accepted key. Default: any non-empty key. */
  apiKey?: string | undefined;
  /** Divides generation times, the request window and callback retry delays: 0.01 to 10,000. Default: 1. */
  speed?: number | undefined;
  /** Maximum number of tasks in flight: 1 to 1,000,000. Default: 1,000. */
  maxTasks?: number | undefined;
  /** Maximum number of API requests in any window: 1 to 10,000,000. Default: 10,000. */
  maxRequests?: number | undefined;
  /** The window in milliseconds, before division by `speed`: 1 ms to 24 h. Default: 60,000. */
  requestWindowMs?: number | undefined;
  /** Generation time by clip length, [min, max] in milliseconds before division. Default: 50-70 s and 80-100 s. */
  generationMs?: { 5?: Range | undefined; 10?: Range | undefined } | undefined;
  /** Seed of generation times and random faults, an integer. Default: 1. */
  seed?: number | undefined;
  /** Size to which every clip is padded, in bytes: 98,304 to 4 GB. Default: no padding, about 13 to 62 kB. */
  clipBytes?: number | undefined;
  /** Balance of the account in US dollars. Default: unlimited, reported as 1,000,000. */
  balance?: number | undefined;
  /** Price of 5 s of video in US dollars; 10 s cost twice as much. Default: 0.25. */
  price?: number | undefined;
  /** Whether there is a balance endpoint; otherwise it answers 404. Default: true. */
  balanceEndpoint?: boolean | undefined;
  /** Lifetime of a result URL in real milliseconds, after which it answers 403. Default: unlimited. */
  urlTtlMs?: number | undefined;
  /** Time limit of a callback in real milliseconds, after which it counts as refused. Default: 30,000. */
  callbackTimeoutMs?: number | undefined;
  /** Maximum number of tasks that are kept: beyond that, the oldest ended one is dropped (404). Default: 200,000. */
  keepTasks?: number | undefined;
  /** Initial faults; see faults.ts. */
  faults?: Partial<Faults> | undefined;
}

export type Range = readonly [min: number, max: number];

const whole = (min: number, max: number) => z.number().int().min(min).max(max);
const milliseconds = whole(1, 86_400_000);
const range = z
  .tuple([z.number().min(0).max(86_400_000), z.number().min(0).max(86_400_000)])
  .readonly()
  .refine(([min, max]) => min <= max, 'must be [min, max]');
const usd = z.number().min(0).max(1_000_000_000);

/** Large enough for any fixture and its box with the longest prompt. */
const MIN_CLIP_BYTES = 98_304;
const MAX_CLIP_BYTES = 4_000_000_000;

const schema = z.strictObject({
  port: whole(0, 65_535).default(0),
  host: z.string().min(1).default('127.0.0.1'),
  publicUrl: z.url({ protocol: /^https?$/ }).optional(),
  apiKey: z.string().min(1).optional(),
  speed: z.number().min(0.01).max(10_000).default(1),
  maxTasks: whole(1, 1_000_000).default(1_000),
  maxRequests: whole(1, 10_000_000).default(10_000),
  requestWindowMs: milliseconds.default(60_000),
  generationMs: z
    .strictObject({ 5: range.default([50_000, 70_000]), 10: range.default([80_000, 100_000]) })
    .prefault({}),
  seed: z.number().int().default(1),
  clipBytes: whole(MIN_CLIP_BYTES, MAX_CLIP_BYTES).optional(),
  balance: usd.optional(),
  price: usd.default(0.25),
  balanceEndpoint: z.boolean().default(true),
  urlTtlMs: milliseconds.optional(),
  callbackTimeoutMs: milliseconds.default(30_000),
  keepTasks: whole(1, 10_000_000).default(200_000),
  faults: z.unknown().optional(),
});

/** The options with all defaults. */
export type SimulatorSettings = Readonly<Omit<z.output<typeof schema>, 'faults'>>;

export function readOptions(options: SimulatorOptions): SimulatorSettings {
  const result = schema.safeParse(options);
  if (!result.success) {
    throw new UserError(`simulator: ${result.error.issues.map(describeIssue).join('; ')}`, {
      cure: 'See `clipmill simulate --help` for every option.',
    });
  }
  const { faults: _, ...settings } = result.data;
  return Object.freeze(settings);
}

/** Parses a balance in US dollars; null for unlimited. @throws UserError if it is invalid */
export function readBalance(value: unknown): number | undefined {
  const result = usd.nullish().safeParse(value);
  if (result.success) return result.data ?? undefined;
  throw new UserError(`balance: ${result.error.issues.map(({ message }) => message).join('; ')}`, {
    cure: 'Use US dollars from 0 up, or null.',
  });
}
