/** What to do with an item whose task ended as failed. */
export type FailureVerdict =
  /** The same input fails again: the item is failed for good. */
  | 'permanent'
  /** Chance decides (an output filter): one more task, whatever the attempts allow. */
  | 'retry-once'
  /** A passing condition of the provider: as many tasks as the attempts allow. */
  | 'retry'
  /** The account cannot pay: nothing is the item's fault, all submission stops. */
  | 'halt';

/** failCodes as patterns, without case; the first that fits decides. Sources: the provider's public pages and clients. */
const table: readonly [RegExp, FailureVerdict][] = [
  [/insufficient_?(credits?|balance|funds)/i, 'halt'],
  [/input_?output_?sensitive/i, 'retry-once'],
  [/content_?violation|nsfw|sensitive_?content|prohibited_?content/i, 'permanent'],
  [/prompt_?(too_?long|length_?exceeded)|invalid_?prompt/i, 'permanent'],
  [/invalid_?image|image_?too_?large|unsupported_?format/i, 'permanent'],
  [/timeout|model_?unavailable|generation_?failed|image_?download_?failed/i, 'retry'],
];

/** Codes that no row knows are retried within the attempts. */
export function failureVerdict(failCode: string): FailureVerdict {
  return table.find(([pattern]) => pattern.test(failCode))?.[1] ?? 'retry';
}
