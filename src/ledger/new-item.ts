import { createHash } from 'node:crypto';
import { z } from 'zod';

/** A new item; its input is opaque here. */
export interface NewItem {
  id: string;
  /** Position in the batch, from 1. Default: after the existing items. */
  index?: number;
  /** Items with lower values are submitted earlier within the batch. */
  priority: number;
  provider: string;
  output: string;
  /** Whether the clip may replace a file of its name. Default false. */
  replace?: boolean;
  input: object;
}

/**
 * Why an output name cannot be used: `name` (another item has it), `folder` (it is the folder of other names), `inside`
 * (one of its folders is the name of a clip) or `batch` (it is in the folder of another batch).
 */
const obstacles = ['name', 'folder', 'inside', 'batch'] as const;

/** Facts of a batch that come with its items. */
export interface BatchFacts {
  model: string;
  /** The budget; `none` removes it. Without it the budget of the batch stays as it is. */
  maxClips?: number | 'none' | undefined;
  /** Where the items come from. A budget is changed only by the source that set it. */
  source?: string | undefined;
  /** Id of a producer's queue job: changed items add an event, and no name may be in the folder of another batch. */
  producer?: string;
  /**
   * When this submission began, Unix ms of Redis's clock: new items end an earlier cancellation of the batch, while a
   * later one applies to them as well. Default: now.
   */
  since?: number;
}

const takenOutput = z.object({ id: z.string(), output: z.string(), why: z.enum(obstacles), owner: z.string() });
/** Parses a JSON list of items whose output names cannot be used, as the scripts return it. */
export const takenOutputs = z.string().transform((text) => z.array(takenOutput).parse(JSON.parse(text)));
export type TakenOutput = z.output<typeof takenOutput>;

const takenBecause: Readonly<Record<TakenOutput['why'], (owner: string) => string>> = {
  name: (owner) => `belongs to ${owner} already`,
  folder: () => 'is the folder of other clips',
  inside: (owner) => `needs a folder where ${owner} has its clip`,
  batch: (owner) => `is in the folder of another batch, ${owner}`,
};

/** Returns why an output name cannot be used, and what to do. */
export function takenMessage({ output, why, owner }: TakenOutput): string {
  return `"${output}" ${takenBecause[why](owner)}: choose another output, such as {batch}/{id}.mp4`;
}

/**
 * Returns the fingerprint of an item's content: items with the same fingerprint make the same clip.
 * @param input the JSON of an item's input
 */
export function contentHash(provider: string, input: string): string {
  return createHash('sha256').update(`${provider}\n${input}`).digest('base64url').slice(0, 16);
}
