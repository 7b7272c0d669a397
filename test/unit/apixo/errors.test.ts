import { describe, expect, it } from 'vitest';
import { classify } from '../../../src/apixo/errors.ts';

describe('classify', () => {
  it.each([
    [400, 'duration: must be 5 or 10', 'rejected'],
    [400, 'Insufficient credits', 'no-credit'],
    [400, 'Content violates safety guidelines', 'content'],
    [401, 'Invalid API key', 'bad-key'],
    [402, 'Payment required', 'no-credit'],
    [403, 'Key lacks permission', 'bad-key'],
    [403, 'The prompt violates our content policy', 'content'],
    [404, 'Unknown model', 'wrong-endpoint'],
    [404, 'Task not found', 'unknown-task'],
    [408, '', 'unavailable'],
    [422, 'no', 'rejected'],
    [429, 'Rate limit exceeded', 'rate-limited'],
    [429, 'Too many concurrent tasks', 'too-many-tasks'],
    [429, '', 'rate-limited'],
    [500, '', 'unavailable'],
    [503, '', 'unavailable'],
    [502, '', 'ambiguous'],
    [504, '', 'ambiguous'],
    [302, '', 'wrong-endpoint'],
    [599, '', 'ambiguous'],
  ] as const)('%i "%s" is %s', (status, message, kind) => {
    expect(classify(status, message)).toBe(kind);
  });
});
