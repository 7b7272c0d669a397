/**
 * The states of an item. The Lua scripts get the transitions from here (`schema/lua.ts`), and the property test of
 * the ledger makes every one of them.
 */

/** States that have not ended, in the order in which an item passes them. */
export const openStates = ['queued', 'submitting', 'generating', 'downloading'] as const;

/** States that an item leaves only by a retry of the user. */
export const endStates = ['done', 'failed', 'held', 'cancelled'] as const;

export const itemStates = [...openStates, ...endStates] as const;

export type ItemState = (typeof itemStates)[number];
export type EndState = (typeof endStates)[number];

/** End states that have a reason code; batches count their items by it. */
export const codedStates = ['failed', 'held'] as const satisfies readonly EndState[];

/** The meaning of each state, as the predicate of a sentence about an item. */
export const stateMeanings: Record<ItemState, string> = {
  queued: 'waits for a slot, for the end of a backoff, or with a slot for its permit to be posted',
  submitting: 'has its permit; its POST may have been sent, and the answer is not recorded',
  generating: 'has a task that the API accepted',
  downloading: 'has a clip that is not stored yet',
  done: 'has its clip in the storage',
  failed: 'ended without a clip',
  held: 'waits for a decision of the user, because another task may be paid for twice',
  cancelled: 'was cancelled by the user before its clip was stored',
};

/** The state machine: the states that may follow each state. */
export const transitions: Record<ItemState, readonly ItemState[]> = {
  // To `generating`: the answer to an abandoned POST arrives late.
  queued: ['submitting', 'generating', 'held', 'cancelled'],
  // To `queued` or `failed`: the POST was not accepted. To `cancelled`: its batch was cancelled meanwhile.
  submitting: ['generating', 'queued', 'failed', 'held', 'cancelled'],
  // To `queued`: the task failed and another one follows. To `cancelled`: the clip was discarded.
  generating: ['downloading', 'queued', 'failed', 'held', 'cancelled'],
  // To `held`: the result is no clip.
  downloading: ['done', 'failed', 'held', 'cancelled'],
  done: [],
  // By a retry. To `generating`: its task may have been paid for, so it is polled before a new one follows.
  failed: ['queued', 'generating'],
  held: ['queued', 'generating'],
  cancelled: ['queued', 'generating'],
};

/** Returns whether an item in this state has ended. */
export function hasEnded(state: ItemState): state is EndState {
  return endStates.some((end) => end === state);
}
