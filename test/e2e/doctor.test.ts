import { createServer } from 'node:http';
import { join } from 'node:path';
import { describe, expect, inject, it, onTestFinished } from 'vitest';
import { z } from 'zod';
import { startSimulator } from '../../src/simulator/start-simulator.ts';
import { clipmill, workFolder } from '../support/cli.ts';
import { freePort } from '../support/free-port.ts';
import { privateRedis } from '../support/private-redis.ts';

/** Depends on the installed Redis. */
const KNOWN_HOLES = 'security';

const report = z.object({
  ok: z.boolean(),
  findings: z.array(
    z.object({
      subject: z.string(),
      level: z.enum(['ok', 'warn', 'fail']),
      found: z.string(),
      cure: z.string().optional(),
    }),
  ),
});

async function diagnose(env: Record<string, string>, folder?: string) {
  const { code, out, err } = await clipmill(['doctor', '--json'], folder ?? (await workFolder()), env).finished;
  const { ok, findings } = report.parse(JSON.parse(out));
  return {
    code,
    ok,
    err,
    out,
    findings,
    of: (subject: string) => findings.filter((found) => found.subject === subject),
  };
}

async function api(options: Parameters<typeof startSimulator>[0] = {}) {
  const simulator = await startSimulator({ apiKey: 'a-good-key', ...options });
  onTestFinished(() => simulator.close());
  return { simulator, env: { APIXO_BASE_URL: simulator.url, APIXO_API_KEY: 'a-good-key' } };
}

describe('doctor', () => {
  it('finds no fault, with a single request to the API', async () => {
    const { simulator, env } = await api();
    const { url } = await privateRedis({
      appendonly: 'yes',
      appendfsync: 'always',
      'maxmemory-policy': 'noeviction',
    });
    const { code, ok, findings, of } = await diagnose({
      ...env,
      REDIS_URL: url,
      CLIPMILL_PREFIX: 'doctor',
    });
    expect({ code, ok }).toEqual({ code: 0, ok: true });
    expect(findings.filter(({ level, subject }) => level !== 'ok' && subject !== KNOWN_HOLES)).toEqual([]);
    expect(of('storage')).toHaveLength(1);
    expect(of('clock')).toHaveLength(2);
    expect(simulator.records.summary().requests).toMatchObject({ total: 1, balance: 1 });
  });

  it('reports without REDIS_URL that a private Redis would start, and starts none', async () => {
    const { env } = await api();
    const { code, of } = await diagnose(env);
    expect(code).toBe(0);
    expect(of('redis')[0]?.found).toContain('REDIS_URL is not set');
    expect(of('server')).toHaveLength(1);
  });

  it('reports all faults at once, each with a cure, and exits with 1', async () => {
    const { env } = await api();
    const { url } = await privateRedis({ appendonly: 'no', 'maxmemory-policy': 'allkeys-lru' });
    const folder = await workFolder({ 'a-file': '' });
    const broken = await diagnose(
      {
        ...env,
        REDIS_URL: url,
        APIXO_API_KEY: 'a-wrong-key',
        CLIPMILL_STORAGE: `file:${join(folder, 'a-file/below')}`,
        CLIPMILL_MAX_TASK: '3',
      },
      folder,
    );
    expect(broken.code).toBe(1);
    const wanting = broken.findings.filter(({ level, subject }) => level !== 'ok' && subject !== KNOWN_HOLES);
    expect(wanting.map(({ subject, level }) => `${level} ${subject}`)).toEqual([
      'warn settings',
      'fail durability',
      'fail eviction',
      'warn witness',
      'fail storage',
      'fail key',
    ]);
    for (const { subject, cure } of wanting) expect(cure, subject).toMatch(/\w.*[.?]$/);
    expect(broken.out + broken.err).not.toContain('a-wrong-key');
  });

  it('only warns of an API that does not offer the balance', async () => {
    const { env } = await api({ balanceEndpoint: false });
    const { code, of } = await diagnose({ ...env, REDIS_URL: inject('redisUrl'), CLIPMILL_PREFIX: 'doctor-2' });
    expect(code).toBe(0);
    expect(of('key')).toMatchObject([{ level: 'warn' }]);
  });

  it('counts its requests in Redis', async () => {
    const { simulator, env } = await api();
    const { code, of } = await diagnose({ ...env, REDIS_URL: 'redis://127.0.0.1:1' });
    expect(code).toBe(1);
    expect(of('redis')).toMatchObject([{ level: 'fail', found: expect.stringContaining('cannot reach Redis') }]);
    expect(of('key')).toMatchObject([{ level: 'warn' }]);
    expect(simulator.records.summary().requests.total).toBe(0);
  });

  it('reports invalid settings', async () => {
    const { code, of } = await diagnose({ CLIPMILL_MAX_TASKS: 'many', CLIPMILL_POLL_DELAY: 'soon' });
    expect(code).toBe(1);
    expect(of('settings').map(({ level }) => level)).toEqual(['fail', 'fail']);
  });

  it('prints readable lines', async () => {
    const { out } = await clipmill(['doctor'], await workFolder(), { APIXO_BASE_URL: 'http://127.0.0.1:1' }).finished;
    expect(out).toContain('ok    eviction    none (noeviction)\n');
    expect(out).toMatch(/fail {2}api {9}no answer: .*\n {18}-> Check the network/);
    expect(out).toMatch(/\n1 failure, 0 warnings\n$/);
  });
});

describe('a command that starts work', () => {
  it('warns of the faults of Redis, and continues', async () => {
    const { env } = await api();
    const { url } = await privateRedis({ appendonly: 'no' });
    const folder = await workFolder({ 'jobs.yaml': 'batch: b\njobs:\n  - prompt: a fox\n' });
    const shared = { ...env, REDIS_URL: url };
    const submitted = await clipmill(['submit', 'jobs.yaml'], folder, shared).finished;
    expect(submitted).toMatchObject({ code: 0, out: 'b\n' });
    expect(submitted.err).toContain('warning: Redis: the append-only file is off');
    const worker = clipmill(['work', 'poll'], folder, shared);
    await worker.saying('"working"');
    expect(worker.err()).toContain('"check":"durability"');
  });

  it('refuses a Redis that accepts no writes', async () => {
    const { env } = await api();
    const primary = await privateRedis();
    const copy = await privateRedis({ replicaof: `127.0.0.1 ${primary.port}` });
    const folder = await workFolder({ 'jobs.yaml': 'batch: b\njobs:\n  - prompt: a fox\n' });
    for (const args of [['submit', 'jobs.yaml'], ['run', 'jobs.yaml'], ['work']]) {
      const { code, err } = await clipmill(args, folder, { ...env, REDIS_URL: copy.url }).finished;
      expect(code, args[0]).toBe(2);
      expect(err, args[0]).toContain('this Redis cannot be used: Redis');
      expect(err, args[0]).toContain('Point REDIS_URL at the primary');
    }
  });

  it('sends itself a callback through the public URL, and reports what blocks it', async () => {
    const { env } = await api();
    const [port, other] = [await freePort(), await freePort()];
    const set = {
      ...env,
      REDIS_URL: inject('redisUrl'),
      CLIPMILL_PREFIX: 'doctor-callbacks',
      CLIPMILL_CALLBACK_URL: `http://127.0.0.1:${port}/in`,
    };
    const listening = { ...set, CLIPMILL_CALLBACK_LISTEN: `127.0.0.1:${port}` };
    expect((await diagnose(listening)).of('callbacks')).toMatchObject([{ level: 'ok' }]);
    const refused = await diagnose(set);
    expect(refused.of('callbacks')).toMatchObject([{ level: 'fail', cure: expect.stringContaining('clipmill serve') }]);
    expect(refused.code).toBe(1);
    // The same for a server with another secret at the URL, and for one that always answers 200.
    const serve = clipmill(['serve'], await workFolder(), {
      ...listening,
      CLIPMILL_LISTEN: `127.0.0.1:${other}`,
      CLIPMILL_CALLBACK_SECRET: 'a-secret-of-its-own',
    });
    await serve.saying('serving');
    const foreign = await diagnose(listening);
    expect(foreign.of('callbacks')).toMatchObject([
      {
        level: 'fail',
        found: expect.stringContaining('404'),
        cure: expect.stringContaining('CLIPMILL_CALLBACK_SECRET'),
      },
    ]);
    serve.child.kill('SIGTERM');
    await serve.finished;
    const page = createServer((incoming, response) => void incoming.resume().on('end', () => response.end('hello')));
    page.listen(port, '127.0.0.1');
    onTestFinished(() => void page.close());
    const fooled = await diagnose(listening);
    expect(fooled.of('callbacks')[0]?.found).toContain('did not arrive');
    for (const { out, err } of [refused, foreign, fooled]) expect(out + err).not.toMatch(/\/cb\/1\/[^[]/);
  }, 40_000);
});
