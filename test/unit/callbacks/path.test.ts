import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { callbackUrl, readCallbackPath } from '../../../src/callbacks/path.ts';

const BASE = 'https://clips.example.com/hooks';
const attempt = { batch: 'spring', id: 'shot.php', attempt: 3 };
const options = { prefix: 'clipmill', secrets: ['a-secret-of-sixteen'] };

function pathOf(url: string): string {
  return new URL(url).pathname;
}

describe('the path of a callback', () => {
  const path = pathOf(callbackUrl(BASE, attempt, options));

  it('identifies its attempt, below the path of the setting', () => {
    expect(path).toMatch(/^\/hooks\/cb\/1\/[\w-]+\/[\w-]{32}$/);
    expect(readCallbackPath(path, '/hooks', options)).toEqual(attempt);
    expect(readCallbackPath(path, '', options)).toBeUndefined();
  });

  it('opens no other attempt, item, batch or prefix', () => {
    const mac = path.split('/').at(-1) ?? '';
    const others = [
      { ...attempt, attempt: 2 },
      { ...attempt, id: 'shot.ph' },
      { ...attempt, batch: 'sprin', id: 'gshot.php' },
    ];
    for (const other of others) {
      const ref =
        pathOf(callbackUrl(BASE, other, options))
          .split('/')
          .at(-2) ?? '';
      expect(readCallbackPath(`/hooks/cb/1/${ref}/${mac}`, '/hooks', options)).toBeUndefined();
    }
    expect(readCallbackPath(path, '/hooks', { ...options, prefix: 'clipmill2' })).toBeUndefined();
    expect(readCallbackPath(path, '/hooks', { ...options, secrets: ['another-secret-of-it'] })).toBeUndefined();
  });

  it('has one spelling', () => {
    const spellings = [
      `${path}/`,
      `${path}?x=1`,
      `${path}=`,
      path.slice(0, -1),
      `${path}A`,
      path.toUpperCase(),
      path.replace('/cb/', '/CB/'),
      path.replace('/cb/1/', '/cb/2/'),
      path.replace('/hooks', '/hooks/'),
      path.replace('/cb/1/', '/cb/1/%'),
      `https://clips.example.com${path}`,
    ];
    for (const spelling of spellings) expect(readCallbackPath(spelling, '/hooks', options), spelling).toBeUndefined();
  });

  it('stays valid while a secret is rotated', () => {
    const both = { prefix: 'clipmill', secrets: ['the-new-secret-of-it', ...options.secrets] };
    expect(readCallbackPath(path, '/hooks', both)).toEqual(attempt);
    const newer = pathOf(callbackUrl(BASE, attempt, both));
    expect(newer).not.toBe(path);
    expect(readCallbackPath(newer, '/hooks', both)).toEqual(attempt);
    expect(readCallbackPath(newer, '/hooks', options)).toBeUndefined();
  });

  it('round-trips any names, and accepts nothing else', () => {
    const name = fc.stringMatching(/^[A-Za-z0-9][\w.-]{0,127}$/);
    fc.assert(
      fc.property(name, name, fc.integer({ min: 1, max: 99_999 }), (batch, id, number) => {
        const one = { batch, id, attempt: number };
        expect(readCallbackPath(pathOf(callbackUrl('https://x.test', one, options)), '', options)).toEqual(one);
      }),
    );
    fc.assert(
      fc.property(fc.string(), fc.string(), (ref, mac) => {
        expect(readCallbackPath(`/cb/1/${ref}/${mac}`, '', options)).toBeUndefined();
      }),
    );
  });
});
