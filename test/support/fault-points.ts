/** Every place between two awaits at which a process may die with something half done. */
export const faultPoints = [
  'before-post',
  'after-post',
  'after-task-recorded',
  'after-poll-enqueued',
  'before-look',
  'after-look',
  'after-end-recorded',
  'after-download-enqueued',
  'before-next-enqueued',
  'before-fetch',
  'after-first-bytes',
  'after-stored',
  'after-sidecar',
  'after-done-recorded',
] as const;

/** The same on the way of a callback, in a process that takes callbacks and works. */
export const callbackPoints = [
  'callback-arrived',
  'callback-recorded',
  'poll-woken',
  'lost-task-recorded',
  'lost-task-enqueued',
] as const;

export type FaultPoint = (typeof faultPoints)[number] | (typeof callbackPoints)[number];

/** Points at which the POST may have left and its answer is not recorded: its outcome is unknown. */
export const ambiguousPoints: readonly FaultPoint[] = ['before-post', 'after-post'];
