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
    [500, '', 'server-error'],
    [503, '', 'server-error'],
    [500, 'Your prompt violates our content policy', 'content'],
    [500, 'insufficient credits', 'no-credit'],
    [507, '', 'server-error'],
    [529, '', 'unavailable'],
    ...[521, 522, 523, 525, 526, 530].map((status) => [status, '', 'unavailable'] as const),
    ...[499, 520, 524, 527].map((status) => [status, '', 'ambiguous'] as const),
    ...[407, 451, 511].map((status) => [status, '', 'network-refused'] as const),
    [400, 'the prompt "credit where credit is due" has no balance', 'rejected'],
    [400, 'a well balanced picture is needed', 'rejected'],
    [400, 'invalid value: "insufficient credits"', 'rejected'],
    [403, 'Your account has not enough credits', 'no-credit'],
    [422, 'Account balance is too low', 'no-credit'],
    [410, 'task expired', 'unknown-task'],
    [502, '', 'ambiguous'],
    [504, '', 'ambiguous'],
    [302, '', 'wrong-endpoint'],
    [599, '', 'ambiguous'],
  ] as const)('%i "%s" is %s', (status, message, kind) => {
    expect(classify(status, message)).toBe(kind);
  });
});
