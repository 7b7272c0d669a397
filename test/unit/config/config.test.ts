import { describe, expect, it } from 'vitest';
import {
  loadConfig,
  reportSettings,
  requireApiKey,
  SettingsError,
  unknownSettings,
} from '../../../src/config/config.ts';
import { settings } from '../../../src/config/settings.ts';

describe('loadConfig', () => {
  it('has the documented default for every setting that has one', () => {
    expect(loadConfig({})).toMatchObject({
      baseUrl: 'https://api.apixo.ai',
      prefix: 'clipmill',
      storage: { kind: 'file', root: './videos' },
      maxTasks: 1_000,
      maxRequests: 10_000,
      requestWindowMs: 60_000,
      pollDelayMs: 50_000,
      pollIntervalMs: 5_000,
      polling: 'fixed',
      taskTimeoutMs: 1_800_000,
      maxAttempts: 3,
      onAmbiguous: 'hold',
      downloads: 16,
      retentionMs: 2_592_000_000,
      logLevel: 'info',
    });
  });

  it('sends no key unencrypted outside this network unless allowed', () => {
    const load = (url: string, allow?: string) => loadConfig({ APIXO_BASE_URL: url, CLIPMILL_ALLOW_HTTP: allow });
    for (const url of ['http://api.apixo.ai', 'http://8.8.8.8', 'http://user:hunter22@api.apixo.ai']) {
      expect(() => load(url)).toThrow(/unencrypted: use https:\/\/, or set CLIPMILL_ALLOW_HTTP=true/);
      expect(() => load(url)).not.toThrow(/hunter22/);
      expect(load(url, 'true').baseUrl).toBe(url);
    }
    for (const url of ['http://127.0.0.1:1', 'http://[::1]:1', 'http://simulator:8080', 'http://10.0.0.7']) load(url);
  });

  it('reads sizes and ranges of addresses', () => {
    expect(loadConfig({ CLIPMILL_MAX_CLIP_BYTES: '100MB' }).maxClipBytes).toBe(100_000_000);
    expect(loadConfig({}).maxClipBytes).toBe(2 ** 31);
    expect(loadConfig({}).allowAddresses).toEqual([]);
    expect(loadConfig({ CLIPMILL_ALLOW_ADDRESSES: '198.18.0.0/15, fd00::1' }).allowAddresses).toMatchObject([
      { cidr: '198.18.0.0/15', bits: 15 },
      { cidr: 'fd00::1', bits: 128 },
    ]);
    for (const wrong of ['198.18.0.0/33', 'clips.example']) {
      expect(() => loadConfig({ CLIPMILL_ALLOW_ADDRESSES: wrong })).toThrow('must be ranges');
    }
    expect(() => loadConfig({ CLIPMILL_MAX_CLIP_BYTES: '2 miles' })).toThrow('must be a number of bytes');
  });

  it('is frozen', () => {
    expect(Object.isFrozen(loadConfig({}))).toBe(true);
  });

  it('reports every invalid setting with the rule it breaks', () => {
    const wrong = {
      CLIPMILL_MAX_TASKS: 'many',
      CLIPMILL_POLL_DELAY: '50',
      CLIPMILL_STORAGE: 'ftp://somewhere',
      CLIPMILL_POLLING: 'sometimes',
      REDIS_URL: 'http://localhost',
      APIXO_BASE_URL: 'api.apixo.ai',
    };
    expect(() => loadConfig(wrong)).toThrow(SettingsError);
    try {
      loadConfig(wrong);
    } catch (error) {
      const lines = (error as SettingsError).message.split('\n');
      expect(lines).toHaveLength(6);
      expect(lines).toContain('CLIPMILL_MAX_TASKS=many: must be a whole number from 1 to 100,000');
      expect(lines).toContain('CLIPMILL_POLL_DELAY=50: must be a duration such as 500ms, 5s, 1m, 2h or 30d');
      expect(lines).toContain('CLIPMILL_STORAGE=ftp://somewhere: must be file:FOLDER or s3://BUCKET/PREFIX');
    }
  });

  it.each([['0'], ['-1'], ['1.5'], ['1e3'], ['0x10'], ['NaN'], ['100001'], ['5 '.repeat(2)]])(
    'refuses "%s" as a number of tasks',
    (text) => {
      expect(() => loadConfig({ CLIPMILL_MAX_TASKS: text })).toThrow(SettingsError);
    },
  );

  it.each([
    ['500ms', 500],
    ['5s', 5_000],
    ['1.5m', 90_000],
    ['2h', 7_200_000],
    ['30d', 2_592_000_000],
  ])('reads %s', (text, ms) => {
    expect(loadConfig({ CLIPMILL_TASK_TIMEOUT: text }).taskTimeoutMs).toBe(ms);
  });

  it.each([
    ['file:./videos', { kind: 'file', root: './videos' }],
    ['file:/srv/videos', { kind: 'file', root: '/srv/videos' }],
    ['file:///srv/videos', { kind: 'file', root: '/srv/videos' }],
    ['s3://bucket', { kind: 's3', bucket: 'bucket', prefix: '' }],
    ['s3://bucket/a/b/', { kind: 's3', bucket: 'bucket', prefix: 'a/b' }],
  ])('reads the storage %s', (text, storage) => {
    expect(loadConfig({ CLIPMILL_STORAGE: text }).storage).toEqual(storage);
  });

  it('reads an empty variable as unset', () => {
    expect(loadConfig({ CLIPMILL_MAX_TASKS: '', REDIS_URL: '  ' })).toMatchObject({ maxTasks: 1_000 });
  });

  it('does not print an invalid secret', () => {
    expect(() => loadConfig({ APIXO_API_KEY: 'my secret key' })).toThrow(/^APIXO_API_KEY=\*{8}: /);
  });
});

describe('requireApiKey', () => {
  it('requires a key for the real API, and none on loopback', () => {
    expect(() => requireApiKey(loadConfig({}))).toThrow('APIXO_API_KEY is not set');
    expect(requireApiKey(loadConfig({ APIXO_API_KEY: 'k' }))).toBe('k');
    for (const url of ['http://127.0.0.1:4010', 'http://localhost:1', 'http://[::1]:1']) {
      expect(requireApiKey(loadConfig({ APIXO_BASE_URL: url }))).toBeTruthy();
    }
    expect(() => requireApiKey(loadConfig({ APIXO_BASE_URL: 'http://127.example.com' }))).toThrow(SettingsError);
  });
});

describe('reportSettings', () => {
  it('lists every setting with its source, and masks secrets', () => {
    const env = { APIXO_API_KEY: 'k-secret', REDIS_URL: 'redis://me:pw@host:6379/1', CLIPMILL_MAX_TASKS: '7' };
    const report = reportSettings(env);
    expect(report).toHaveLength(Object.keys(settings).length);
    const find = (name: string) => report.find((row) => row.name === name);
    expect(find('APIXO_API_KEY')).toMatchObject({ value: '********', source: 'environment' });
    expect(find('REDIS_URL')).toMatchObject({ value: 'redis://me:********@host:6379/1' });
    expect(find('CLIPMILL_MAX_TASKS')).toMatchObject({ value: '7', source: 'environment' });
    expect(find('CLIPMILL_MAX_REQUESTS')).toMatchObject({ value: '10000', source: 'default' });
    expect(find('CLIPMILL_NOTIFY_URL')).toMatchObject({ value: null, source: 'unset' });
    expect(JSON.stringify(report)).not.toMatch(/k-secret|pw@/);
  });
});

describe('unknownSettings', () => {
  it('finds misspelt names', () => {
    expect(unknownSettings({ CLIPMILL_MAX_TASK: '5', PATH: '/bin', CLIPMILL_PORT: 'tcp://10.0.0.1:80' })).toEqual([
      { name: 'CLIPMILL_MAX_TASK', meant: 'CLIPMILL_MAX_TASKS' },
      { name: 'CLIPMILL_PORT', meant: undefined },
    ]);
  });
});
