import { describe, expect, it } from 'vitest';
import { failureVerdict } from '../../../src/apixo/failures.ts';

const cases = {
  permanent: [
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

describe('failureVerdict', () => {
  it.each(Object.entries(cases).flatMap(([verdict, codes]) => codes.map((code) => [code, verdict])))(
    '%s: %s',
    (code, verdict) => {
      expect(failureVerdict(code)).toBe(verdict);
    },
  );
});
