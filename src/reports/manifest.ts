import { escapeControls } from '../core/text.ts';
import { withoutSignatures } from '../core/redact.ts';
import type { Item, PastAttempt } from '../ledger/item.ts';
import type { ItemState } from '../ledger/schema/states.ts';

/** One item in manifests and exports. Times are ISO 8601. */
export interface ManifestRow {
  id: string;
  state: ItemState;
  input: unknown;
  provider: string;
  priority: number;
  /** Hash of provider and input: items with the same hash make the same clip. */
  hash?: string;
  /** Name of the clip in the storage. */
  output: string;
  /** The requested name, and why the clip could not have it. */
  renamed?: { from: string; reason: string };
  /** The API's id of its latest task. */
  taskId?: string;
  /** Attempts so far, the current one included; 0 before the first. */
  attempts: number;
  /** URL of the clip. */
  location?: string;
  /** Size of the clip in bytes. */
  size?: number;
  sha256?: string;
  /** Further files, if the task made several. */
  more?: Item['more'];
  postedAt?: string;
  endedAt?: string;
  /** Why it failed or is held. */
  code?: string;
  message?: string;
  /** Result URLs of a held item, without signatures: `retry` requests a fresh URL from the API. */
  resultUrls?: string[];
  /** Earlier attempts that did not make the clip. */
  pastAttempts?: readonly PastAttempt[];
}

export function manifestRow(item: Item): ManifestRow {
  return {
    id: item.id,
    state: item.state,
    input: item.input,
    provider: item.provider,
    priority: item.priority,
    ...(item.hash && { hash: item.hash }),
    output: item.storedAs ?? item.output,
    ...(item.storedAs && { renamed: { from: item.output, reason: item.storedAsReason ?? '' } }),
    attempts: item.attempt,
    ...(item.task && { taskId: item.task }),
    ...(item.location && { location: item.location }),
    ...(item.size !== undefined && { size: item.size }),
    ...(item.sha256 && { sha256: item.sha256 }),
    ...(item.more && { more: item.more }),
    ...(item.postedAt && { postedAt: isoTime(item.postedAt) }),
    ...(item.endedAt && { endedAt: isoTime(item.endedAt) }),
    ...(item.code && { code: item.code }),
    ...(item.message && { message: item.message }),
    ...(item.state === 'held' && item.urls && { resultUrls: item.urls.map(withoutSignatures) }),
    ...(item.history.length > 0 && { pastAttempts: item.history }),
  };
}

function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}

export async function* jsonlLines(items: AsyncIterable<Item>): AsyncGenerator<string> {
  for await (const item of items) yield `${escapeControls(JSON.stringify(manifestRow(item)))}\n`;
}
