import { describe, expect, it } from 'vitest';
import { readRequest } from '../../../src/simulator/request-body.ts';
import { startHarness, textInput } from './support.ts';

const imageInput = {
  mode: 'image-to-video',
  prompt: 'animate it',
  duration: 10,
  sound: false,
  image_urls: ['https://example.com/ref.jpg'],
};
const callback = { request_type: 'callback', callback_url: 'https://example.com/done' };
const without = (object: object, key: string) => Object.fromEntries(Object.entries(object).filter(([k]) => k !== key));

describe('readRequest', () => {
  it.each<[string, object]>([
    ['text-to-video', { input: textInput }],
    ['no aspect ratio', { input: without(textInput, 'aspect_ratio') }],
    ['image-to-video', { input: imageInput }],
    ['two images', { input: { ...imageInput, image_urls: ['https://a.example/1', 'http://a.example/2'] } }],
    ['a callback', { ...callback, input: textInput }],
    ['async and a provider', { request_type: 'async', provider: 'official', input: textInput }],
    ['1,000 characters', { input: { ...textInput, prompt: 'x'.repeat(1_000) } }],
    ['1,000 characters beyond the basic plane', { input: { ...textInput, prompt: '🦊'.repeat(1_000) } }],
  ])('accepts %s', (_, body) => {
    expect(readRequest(JSON.stringify(body))).toMatchObject(body);
  });

  it.each<[string, string, object]>([
    ['an empty prompt', 'input.prompt', { input: { ...textInput, prompt: '' } }],
    ['no prompt', 'input.prompt', { input: without(textInput, 'prompt') }],
    ['1,001 characters', 'input.prompt', { input: { ...textInput, prompt: 'x'.repeat(1_001) } }],
    ['7 seconds', 'input.duration', { input: { ...textInput, duration: 7 } }],
    ['"5" seconds', 'input.duration', { input: { ...textInput, duration: '5' } }],
    ['no sound', 'input.sound', { input: without(textInput, 'sound') }],
    ['sound "true"', 'input.sound', { input: { ...textInput, sound: 'true' } }],
    ['4:3', 'input.aspect_ratio', { input: { ...textInput, aspect_ratio: '4:3' } }],
    ['an aspect ratio for an image', 'input.aspect_ratio', { input: { ...imageInput, aspect_ratio: '1:1' } }],
    ['images for a text', 'input.image_urls', { input: { ...textInput, image_urls: imageInput.image_urls } }],
    ['no images', 'input.image_urls', { input: without(imageInput, 'image_urls') }],
    ['an empty list of images', 'input.image_urls', { input: { ...imageInput, image_urls: [] } }],
    ['three images', 'input.image_urls', { input: { ...imageInput, image_urls: Array(3).fill('https://a.example/') } }],
    ['an image by ftp', 'input.image_urls.0', { input: { ...imageInput, image_urls: ['ftp://a.example/1'] } }],
    ['an unknown mode', 'input.mode', { input: { ...textInput, mode: 'video-to-video' } }],
    ['an unknown field of the input', 'input.seed', { input: { ...textInput, seed: 4 } }],
    ['an unknown field', 'model', { model: 'kling', input: textInput }],
    ['no input', 'input', {}],
    ['a provider unheard of', 'provider', { provider: 'cheap', input: textInput }],
    ['a callback without its URL', 'callback_url', { request_type: 'callback', input: textInput }],
    ['a callback URL without callback', 'callback_url', { callback_url: 'https://a.example/', input: textInput }],
    ['a request type unheard of', 'request_type', { request_type: 'sync', input: textInput }],
    ['a list', 'body', []],
  ])('refuses %s and reports %s', (_, field, body) => {
    const message = readRequest(JSON.stringify(body));
    expect(message).toContain(`Invalid parameters: ${field}: `);
  });

  it('reports all mistakes', () => {
    const message = readRequest(JSON.stringify({ input: { ...textInput, duration: 6, sound: 1, size: 3, fps: 4 } }));
    expect(message).toBe(
      'Invalid parameters: input.duration: must be 5 or 10; input.sound: must be true or false; ' +
        'input.size: is not a parameter; input.fps: is not a parameter',
    );
  });

  it('refuses a body that is not JSON', () => {
    expect(readRequest('{"input":')).toBe('Invalid parameters: the body is not JSON');
  });
});

const padded = (length: number) => JSON.stringify({ input: textInput }) + ' '.repeat(length);

describe('over HTTP', () => {
  it('answers 400, makes no task and counts it', async () => {
    const harness = await startHarness();
    const answer = await harness.post({ input: { ...textInput, duration: 7 } });
    expect(answer.status).toBe(400);
    expect(answer.json).toEqual({
      code: 400,
      message: 'Invalid parameters: input.duration: must be 5 or 10',
      data: null,
    });
    expect((await harness.post('{')).status).toBe(400);
    const { refused, tasks } = harness.simulator.records.summary();
    expect([refused.invalid, tasks.made]).toEqual([2, 0]);
  });

  it('requires a Content-Type', async () => {
    const harness = await startHarness();
    const headers = { authorization: 'Bearer k', 'content-type': 'text/plain' };
    expect((await harness.post({ input: textInput }, { headers })).json?.message).toContain('Content-Type');
    headers['content-type'] = 'Application/JSON; charset=utf-8';
    expect((await harness.post({ input: textInput }, { headers })).status).toBe(200);
  });

  it('reads bodies in many pieces, and refuses endless ones', async () => {
    const harness = await startHarness();
    expect((await harness.post(padded(500_000))).status).toBe(200);
    expect((await harness.post(padded(1_000_000))).status).toBe(413);
  });
});
