import { describe, expect, it } from 'vitest';
import { errorKinds } from '../../../src/apixo/errors.ts';
import { errorPolicy, failedTaskAction, haltsAccount } from '../../../src/apixo/error-policy.ts';

const failCodes = {
  fail: [
    'CONTENT_VIOLATION',
    'NSFW',
    'NSFW_DETECTED',
    'SensitiveContent',
    'SensitiveContentDetected',
    'InputImageSensitiveContentDetected',
    'ProhibitedContentDetected',
    'PROMPT_TOO_LONG',
    'PromptLengthExceeded',
    'INVALID_PROMPT',
    'INVALID_IMAGE_URL',
    'IMAGE_TOO_LARGE',
    'UNSUPPORTED_FORMAT',
    'content_violation',
  ],
  'retry-once': ['InputOutputSensitiveContentDetected'],
  retry: ['PROCESSING_TIMEOUT', 'MODEL_UNAVAILABLE', 'GENERATION_FAILED', 'IMAGE_DOWNLOAD_FAILED', 'SOMETHING_NEW', ''],
  halt: ['INSUFFICIENT_CREDITS', 'InsufficientCredits'],
};

describe('errorPolicy', () => {
  it('has a row for every kind of error', () => {
    expect(Object.keys(errorPolicy).toSorted()).toEqual([...errorKinds].toSorted());
  });

  it('holds the kinds that may have been accepted, and never pays twice for the others', () => {
    const held = errorKinds.filter((kind) => errorPolicy[kind].submit === 'hold');
    expect(held).toEqual(['ambiguous', 'not-understood']);
  });

  it('halts the account for errors that no item can cause', () => {
    expect(errorKinds.filter((kind) => haltsAccount('submit', kind))).toEqual([
      'bad-key',
      'no-credit',
      'wrong-endpoint',
      'network-refused',
    ]);
    expect(errorKinds.filter((kind) => haltsAccount('poll', kind))).toEqual(['bad-key']);
  });
});

describe('failedTaskAction', () => {
  it.each(Object.entries(failCodes).flatMap(([action, codes]) => codes.map((code) => [code, action])))(
    '%s: %s',
    (code, action) => {
      expect(failedTaskAction(code)).toBe(action);
    },
  );
});
