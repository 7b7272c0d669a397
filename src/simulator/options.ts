import { z } from 'zod';
import { UserError } from '../core/errors.ts';
import type { Faults } from './faults.ts';

/** Everything may be left out; what is wrong is refused with a UserError that names it. */
export interface SimulatorOptions {
  /** 0 (default): a free port. */
  port?: number | undefined;
  /** Default 127.0.0.1. */
  host?: string | undefined;
  /** Where result URLs point, when that is not `http://host:port`; e.g. `http://simulator:4010` between containers. */
  publicUrl?: string | undefined;
  /** The one key that is accepted. Unset: every key that is not empty. */
  apiKey?: string | undefined;
  /** Divides generation times, the request window and the waits between callback tries. 0.01 to 10,000, default 1. */
  speed?: number | undefined;
  /** Tasks in flight at most: 1 to 1,000,000, default 1,000. */
  maxTasks?: number | undefined;
  /** API requests in any window at most: 1 to 10,000,000, default 10,000. */
  maxRequests?: number | undefined;
  /** The window, before it is divided by speed: 1 ms to 24 h, default 60,000. */
  requestWindowMs?: number | undefined;
  /** From a task's start to its end by length of clip, [min, max] before division. Defaults 50-70 s and 80-100 s. */
  generationMs?: { 5?: Range | undefined; 10?: Range | undefined } | undefined;
  /** Seed of generation times and random faults: an integer, default 1. */
  seed?: number | undefined;
  /** Pads every clip to exactly this many bytes: 98,304 to 4 GB. Unset: about 13 to 62 kB, as the clip is. */
  clipBytes?: number | undefined;
  /** USD on the account. Unset: as much as is asked for, reported as 1,000,000. */
  balance?: number | undefined;
  /** USD for 5 s of video; 10 s cost twice that. Default 0.25. */
  price?: number | undefined;
  /** false: the balance endpoint answers 404. Default true. */
  balanceEndpoint?: boolean | undefined;
  /** After so many ms of real time a result URL answers 403; statusTask gives a fresh one. Unset: never. */
  urlTtlMs?: number | undefined;
  /** How long a callback may take before it counts as refused, in ms of real time. Default 30,000. */
  callbackTimeoutMs?: number | undefined;
  /** Tasks that are remembered: the oldest ended one is forgotten (404) beyond them. Default 200,000. */
  keepTasks?: number | undefined;
  /** Faults from the start; see faults.ts. */
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

/** Below this a clip and its box with the longest prompt would not fit for certain. */
const LEAST_CLIP_BYTES = 98_304;
const MOST_CLIP_BYTES = 4_000_000_000;

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
  clipBytes: whole(LEAST_CLIP_BYTES, MOST_CLIP_BYTES).optional(),
  balance: usd.optional(),
  price: usd.default(0.25),
  balanceEndpoint: z.boolean().default(true),
  urlTtlMs: milliseconds.optional(),
  callbackTimeoutMs: milliseconds.default(30_000),
  keepTasks: whole(1, 10_000_000).default(200_000),
  faults: z.unknown().optional(),
});

/** The options with every default written out. */
export type SimulatorSettings = Readonly<Omit<z.output<typeof schema>, 'faults'>>;

export function readOptions(options: SimulatorOptions): SimulatorSettings {
  const result = schema.safeParse(options);
  if (!result.success) {
    throw new UserError(`simulator: ${z.prettifyError(result.error)}`, {
      cure: 'See SimulatorOptions for what each option may be.',
    });
  }
  const { faults: _, ...settings } = result.data;
  return Object.freeze(settings);
}

/** A new balance, as the HTTP interface and `setBalance` take it: USD, or null for no end of it. */
export function readBalance(value: unknown): number | undefined {
  const result = usd.nullish().safeParse(value);
  if (result.success) return result.data ?? undefined;
  throw new UserError(`balance: ${z.prettifyError(result.error)}`, { cure: 'Give USD from 0 up, or null.' });
}
