import { z } from 'zod';

/** Longest prompt, in characters. */
const MAX_PROMPT = 1000;
/** Maximum number of issues in an error message. */
const MAX_ISSUES = 5;

const common = {
  prompt: z
    .string()
    .min(1, 'must not be empty')
    .refine((prompt) => prompt.length <= MAX_PROMPT || Array.from(prompt).length <= MAX_PROMPT, {
      error: `must have ${MAX_PROMPT} characters at most`,
    }),
  duration: z.union([z.literal(5), z.literal(10)], { error: 'must be 5 or 10' }),
  sound: z.boolean({ error: 'must be true or false' }),
};
const httpUrl = z.url({ protocol: /^https?$/, error: 'must be a http(s) URL' });

const input = z.discriminatedUnion(
  'mode',
  [
    z.strictObject({
      mode: z.literal('text-to-video'),
      ...common,
      aspect_ratio: z.enum(['1:1', '16:9', '9:16'], { error: 'must be 1:1, 16:9 or 9:16' }).optional(),
    }),
    z.strictObject({
      mode: z.literal('image-to-video'),
      ...common,
      image_urls: z.array(httpUrl).min(1, 'needs one image').max(2, 'takes two images at most'),
    }),
  ],
  { error: 'must be text-to-video or image-to-video' },
);

const body = z
  .strictObject({
    request_type: z.enum(['async', 'callback'], { error: 'must be async or callback' }).default('async'),
    callback_url: httpUrl.optional(),
    provider: z.enum(['auto', 'value', 'official'], { error: 'must be auto, value or official' }).default('auto'),
    input,
  })
  .refine((value) => (value.request_type === 'callback') === (value.callback_url !== undefined), {
    path: ['callback_url'],
    error: 'is required with request_type callback, and only then',
  });

export type GenerationInput = z.output<typeof input>;
export type GenerationRequest = z.output<typeof body>;

/** Parses a request. @returns the request, or the error message of the API if it is invalid */
export function readRequest(text: string): GenerationRequest | string {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return 'Invalid parameters: the body is not JSON';
  }
  const result = body.safeParse(value);
  if (result.success) return result.data;
  const issues = result.error.issues.slice(0, MAX_ISSUES).map(describeIssue);
  return `Invalid parameters: ${issues.join('; ')}`;
}

/** Formats a validation error as `path: message`. */
export function describeIssue(issue: z.core.$ZodIssue): string {
  const path = issue.path.join('.') || 'body';
  if (issue.code !== 'unrecognized_keys') return `${path}: ${issue.message}`;
  const parent = issue.path.length > 0 ? `${path}.` : '';
  return issue.keys.map((key) => `${parent}${key}: is not a parameter`).join('; ');
}
