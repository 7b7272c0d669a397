import { describe, expect, it } from 'vitest';
import { numbered } from '../../../src/worker/steps/fetch-clips.ts';
import { sidecarName } from '../../../src/worker/steps/sidecar.ts';
import { foldedName } from '../../../src/core/folded-name.ts';
import { outputNameFault } from '../../../src/jobs/compile/output-name.ts';

describe('the name of a clip', () => {
  it.each(['a', 'a.mp4', 'a/b/c.mp4', 'ü/狐.mp4', 'x'.repeat(250), 'a b'])('may be %j', (name) => {
    expect(outputNameFault(name)).toBeUndefined();
  });

  it.each([
    ['', 'gives an empty name'],
    ['/a', 'gives `/a`: it must be relative, without a leading "/"'],
    ['a/', 'gives `a/`: it must end in a file name'],
    ['a//b', 'gives `a//b`: it contains an empty folder name ("//")'],
    ['../a', 'gives `../a`: it must not contain "." or ".."'],
    ['a/../b', 'gives `a/../b`: it must not contain "." or ".."'],
    ['a/.', 'gives `a/.`: it must not contain "." or ".."'],
    ['a\\b', 'gives `a\\b`: folders are separated by "/", and a name must not contain "\\"'],
    ['a\nb', 'gives `a\\nb`: it must not contain control characters or lone surrogates'],
    ['a\ud800', 'gives `a\ud800`: it must not contain control characters or lone surrogates'],
    ['ü'.repeat(126), 'gives a name of 252 bytes: each part between "/" may have at most 250'],
    [`${'x'.repeat(200)}/`.repeat(5) + 'a', 'gives a name of 1006 bytes; at most 900 are allowed'],
    ['.hidden/x', 'gives `.hidden/x`: no part of it may begin with "."'],
    ['index.html/x.mp4', 'gives `index.html/x.mp4`: this name is reserved for files of clipmill'],
    ['b/manifest.jsonl', 'gives `b/manifest.jsonl`: this name is reserved for files of clipmill'],
    ['Index.HTML', 'gives `Index.HTML`: this name is reserved for files of clipmill'],
    ['b/a.Json', 'gives `b/a.Json`: this name is reserved for files of clipmill'],
    [
      `inputs/${'a'.repeat(64)}.png`,
      `gives \`inputs/${'a'.repeat(53)}…\`: this name is reserved for files of clipmill`,
    ],
  ])('may not be %j', (name, message) => {
    expect(outputNameFault(name)).toBe(message);
  });

  it('leaves room for the names derived from it', () => {
    const longest = `${'x'.repeat(246)}.mp4`;
    expect(outputNameFault(longest)).toBeUndefined();
    for (const name of [sidecarName(longest), sidecarName('x'.repeat(250)), numbered(longest, 9_999)]) {
      expect(name.length).toBeLessThanOrEqual(255);
    }
  });

  it('is compared as disks compare: case folded, accents composed', () => {
    expect(foldedName('B/U\u0308.mp4')).toBe(foldedName('b/\u00fc.MP4'));
  });
});
