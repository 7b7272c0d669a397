/**
 * The states of an item. The Lua scripts get the transitions from here (`schema/prelude.ts`), and the property
 * test of the ledger walks every one of them.
 */

/** States with work left to do, in the order of a clip's life. */
export const openStates = ['queued', 'submitting', 'generating', 'downloading'] as const;

/** States an item stays in until a user asks for more. */
export const endStates = ['done', 'failed', 'held', 'cancelled'] as const;

export const itemStates = [...openStates, ...endStates] as const;

export type ItemState = (typeof itemStates)[number];
export type EndState = (typeof endStates)[number];

/** End states that have a reason code; batches count their items by it. */
export const codedStates = ['failed', 'held'] as const satisfies readonly EndState[];

export const stateMeanings: Record<ItemState, string> = {
  queued: 'waits for a slot, for the end of a backoff, or with its slot for its permit to be posted',
  submitting: 'the permit was given: its POST may have been sent, and its answer is not recorded',
  generating: 'the API has accepted its task',
  downloading: 'its task has a clip that is not stored yet',
  done: 'its clip is stored',
  failed: 'it ended without a clip',
  held: 'it waits for a decision of the user: a second task may cost money',
  cancelled: 'the user cancelled it before its clip was stored',
};

/** The state machine: the states that each state may be followed by. */
export const transitions: Record<ItemState, readonly ItemState[]> = {
  // To `generating`: the answer of a POST that was given up arrives after all.
  queued: ['submitting', 'generating', 'held', 'cancelled'],
  // To `queued` or `failed`: the POST was not accepted. To `cancelled`: its batch was cancelled meanwhile.
  submitting: ['generating', 'queued', 'failed', 'held', 'cancelled'],
  // To `queued`: the task failed and another one follows. To `cancelled`: the clip was discarded.
  generating: ['downloading', 'queued', 'failed', 'held', 'cancelled'],
  // To `held`: the result is no clip.
  downloading: ['done', 'failed', 'held', 'cancelled'],
  done: [],
  // By a retry. To `generating`: the clip was paid for, so its task is polled again before a new one is made.
  failed: ['queued', 'generating'],
  held: ['queued', 'generating'],
  cancelled: ['queued', 'generating'],
};

/** Returns whether an item in this state has ended. */
export function hasEnded(state: ItemState): state is EndState {
  return endStates.some((end) => end === state);
}
