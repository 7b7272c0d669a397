import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { fileNameRules, probeFolder, probeNames } from '../../../../src/storage/file/name-probe.ts';

/** A folder of a file system that refuses some names and changes others. */
function folder(options: { refuses?: RegExp; longest?: number; stores?: (name: string) => string }) {
  const names: string[] = [];
  return {
    async create(name: string) {
      if (options.refuses?.test(name)) throw new Error('EINVAL');
      if (Buffer.byteLength(name) > (options.longest ?? 255)) throw new Error('ENAMETOOLONG');
      names.push(options.stores?.(name) ?? name);
    },
    list: async () => names,
  };
}

describe('the names of a folder', () => {
  it('are determined by probe files, none of which remains', async () => {
    const root = await mkdtemp(join(tmpdir(), 'clipmill-names-'));
    onTestFinished(() => rm(root, { recursive: true, force: true }));
    const facts = await probeFolder(join(root, 'videos/not/there'));
    expect(facts).toMatchObject({ longest: 255 });
    expect(await readdir(root)).toEqual([]);
    const rules = fileNameRules(root, facts);
    expect(rules.fault('spring/why? "a|b": c.mp4')).toBeUndefined();
    expect(rules.fault(`${'x'.repeat(245)}/a.mp4`)).toBeUndefined();
    expect(rules.fault(`${'x'.repeat(246)}/a.mp4`)).toContain('a part of 246 bytes');
    expect(rules.fault('x/'.repeat(2_100))).toContain('path of more than');
  });

  it('exclude those that exFAT refuses', async () => {
    const rules = fileNameRules('/media/usb', await probeNames(folder({ refuses: /[<>:"|?*]/ })));
    expect(rules.fault('spring/close-up: face.mp4')).toBe('has ":" in it, which the file system of /media/usb refuses');
    expect(rules.fault('spring/why?.mp4')).toContain('"?"');
    expect(rules.fault('spring/close-up, face.mp4')).toBeUndefined();
  });

  it('exclude those that are stored under another name', async () => {
    const stores = (name: string) => name.replace(/[. ]+$/, '').replace('\u{1f98a}', '?');
    const rules = fileNameRules('/mnt/share', await probeNames(folder({ stores })));
    expect(rules.fault('one. /a.mp4')).toContain('ends in " "');
    expect(rules.fault('one./a.mp4')).toContain('ends in "."');
    expect(rules.fault('\u{1f98a}.mp4')).toContain('refuses');
  });

  it('may be normalized', async () => {
    const rules = fileNameRules('/Volumes/x', await probeNames(folder({ stores: (name) => name.normalize('NFD') })));
    expect(rules.fault('caf\u00e9.mp4')).toBeUndefined();
  });

  it('are shorter on an encrypted file system', async () => {
    const rules = fileNameRules('/home/me', await probeNames(folder({ longest: 143 })));
    expect(rules.fault(`${'x'.repeat(133)}/a.mp4`)).toBeUndefined();
    expect(rules.fault(`${'x'.repeat(134)}/a.mp4`)).toContain('accepts 133');
  });
});
