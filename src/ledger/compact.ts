import { constants } from './schema/constants.ts';
import { refOf } from './schema/keys.ts';

/** Fields of a batch that its done items share, and therefore omit. */
export type SharedFields = Partial<Record<(typeof sharedFields)[number], string>>;
export const sharedFields = ['inputHead', 'inputTail', 'place'] as const;

/**
 * Returns the complete fields of an item. A done item is stored in the compact form of lua/lib/compact.lua; any other
 * item, and one that an earlier version stored, is returned unchanged.
 */
export function wholeItem(
  batch: string,
  id: string,
  hash: Readonly<Record<string, string>>,
  shared: SharedFields,
): Readonly<Record<string, string>> {
  if (hash['state'] !== 'done') return hash;
  const item: Record<string, string> = {
    priority: String(constants.defaultPriority),
    provider: constants.defaultProvider,
    output: refOf(batch, id) + constants.outputEnding,
    endedAt: hash['at'] ?? '',
  };
  for (const [name, value] of Object.entries(hash))
    if (!name.includes(':')) item[name] = value + furtherPieces(hash, name);
  item['location'] ??= `${shared.place ?? ''}${item['output']}`;
  item['input'] ??= `${shared.inputHead ?? ''}${item['prompt'] ?? ''}${shared.inputTail ?? ''}`;
  return item;
}

function furtherPieces(hash: Readonly<Record<string, string>>, name: string): string {
  let pieces = '';
  for (let number = 2; ; number += 1) {
    const piece = hash[`${name}:${number}`];
    if (piece === undefined) return pieces;
    pieces += piece;
  }
}
