import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startEmbeddedRedis } from '../../src/redis/embedded/server.ts';
import { startSimulator } from '../../src/simulator/start-simulator.ts';
import { clipmill, scaled, start, workFolder } from '../support/cli.ts';
import { until } from '../support/until.ts';

const SPEED = 50;

async function shared(options: Parameters<typeof startSimulator>[0] = {}) {
  const simulator = await startSimulator({ speed: SPEED, ...options });
  onTestFinished(() => simulator.close());
  const redis = await startEmbeddedRedis(await workFolder());
  onTestFinished(() => redis.stop());
  const folder = await workFolder();
  return { simulator, folder, env: { ...scaled(simulator.url, SPEED), REDIS_URL: redis.url } };
}

interface StatusJson {
  batches: { batch: string; counts: Record<string, number>; failures: Record<string, number> }[];
  slots: { used: number; max: number };
  requests: { used: number; max: number; windowMs: number };
  halted: unknown;
}

describe('commands on a shared Redis', () => {
  it('submit, work, status and export share a batch between processes', async () => {
    const { simulator, folder, env } = await shared();
    const jobs = join(
      await workFolder({ 'jobs.yaml': 'batch: b\njobs:\n  - {prompt: "a clip", copies: 30}\n' }),
      'jobs.yaml',
    );
    const submitted = await clipmill(['submit', jobs], folder, env).finished;
    expect(submitted).toMatchObject({ code: 0, out: 'b\n' });
    expect((await clipmill(['submit', jobs], folder, env).finished).err).toContain('0 new clips, 30 existing');

    const workers = [
      start('workers/submit.js', [], folder, env),
      start('workers/poll.js', [], folder, env),
      clipmill(['work', 'download'], folder, env),
      start('workers/all.js', [], folder, env),
    ];
    const status = async () =>
      JSON.parse((await clipmill(['status', '--json'], folder, env).finished).out) as StatusJson;
    await until(async () => (await status()).batches[0]?.counts['done'] === 30);
    expect(await status()).toMatchObject({
      slots: { used: 0, max: 1_000 },
      requests: { max: 10_000, windowMs: 1_200 },
      halted: null,
    });
    expect(simulator.records.summary().tasks.made).toBe(30);

    // The workers write the manifest and the gallery next to the clips.
    const beside = (name: string) => readFile(join(folder, 'videos/b', name), 'utf8').catch(() => '');
    await until(async () => (await beside('manifest.jsonl')).match(/"state":"done"/g)?.length === 30);
    await until(async () => (await beside('index.html')).match(/,"done",/g)?.length === 30);

    // SIGTERM drains: exit code 0 and a final log line.
    for (const { child } of workers) child.kill('SIGTERM');
    for (const worker of workers) {
      const { code, err } = await worker.finished;
      expect(code).toBe(0);
      expect(JSON.parse(err.trimEnd().split('\n').at(-1) ?? '')).toMatchObject({ msg: 'drained' });
    }

    const manifest = await clipmill(['export', 'b'], folder, env).finished;
    expect(manifest.out.trimEnd().split('\n')).toHaveLength(30);
    const csv = await clipmill(['export', 'b', '--format', 'csv'], folder, env).finished;
    expect(csv.out.split('\r\n')).toHaveLength(32);
    const html = await clipmill(['export', 'b', '--format', 'html'], folder, env).finished;
    expect(html.out).toContain('file:///');
    expect((await clipmill(['status', 'b'], folder, env).finished).out).toMatch(/b +30 +30/);
  }, 60_000);

  it('cancel, pause and resume act on running workers', async () => {
    const { simulator, folder, env } = await shared({ generationMs: { 5: [20_000, 20_000] } });
    const limited = { ...env, CLIPMILL_MAX_TASKS: '4' };
    const jobs = join(
      await workFolder({ 'jobs.yaml': 'batch: b\njobs:\n  - {prompt: "a clip", copies: 40}\n' }),
      'jobs.yaml',
    );
    await clipmill(['submit', jobs], folder, limited).finished;
    expect(await clipmill(['pause'], folder, limited).finished).toMatchObject({
      code: 0,
      out: 'submission is paused; `clipmill resume` resumes it\n',
    });
    const worker = start('workers/all.js', [], folder, limited);
    await worker.saying('"working"');
    expect((await clipmill(['status'], folder, limited).finished).out).toContain('submission is paused');
    expect(simulator.records.summary().requests.create).toBe(0);
    expect((await clipmill(['resume'], folder, limited).finished).out).toBe('submission resumed\n');
    await until(() => simulator.records.summary().tasks.made >= 4);

    const cancelled = await clipmill(['cancel', 'b', '--json'], folder, limited).finished;
    const { cancelled: count, going } = JSON.parse(cancelled.out) as { cancelled: number; going: number };
    await until(async () => {
      const { out } = await clipmill(['status', '--json'], folder, limited).finished;
      return (JSON.parse(out) as StatusJson).batches[0]?.counts['generating'] === 0;
    });
    const { out } = await clipmill(['status', '--json'], folder, limited).finished;
    const counts: Record<string, number> = (JSON.parse(out) as StatusJson).batches[0]?.counts ?? {};
    // Paid clips are stored; nothing else was submitted.
    expect(counts['done']).toBe(simulator.records.summary().tasks.made);
    expect((counts['done'] ?? 0) + (counts['cancelled'] ?? 0)).toBe(40);
    expect(count + going).toBeGreaterThanOrEqual(36);
    const again = await clipmill(['cancel', 'b', '--json'], folder, limited).finished;
    expect(JSON.parse(again.out)).toMatchObject({ cancelled: 0, going: 0 });
  }, 60_000);
});

describe('commands without Redis', () => {
  it('validate prints clips, seconds and requests of files', async () => {
    const folder = await workFolder({
      'jobs.yaml':
        'batch: b\nmax_clips: 3\njobs:\n  - {prompt: a, copies: 2}\n  - {prompt: b, duration: 10, copies: 4000}\n',
    });
    const { code, out } = await clipmill(['validate', 'jobs.yaml'], folder).finished;
    expect(code).toBe(2);
    expect(out).toBe('');
    const good = await workFolder({
      'jobs.yaml':
        'batch: b\nmax_clips: 3\njobs:\n  - {prompt: a, copies: 2}\n  - {prompt: b, duration: 10, copies: 900}\n',
    });
    const checked = await clipmill(['validate', 'jobs.yaml'], good).finished;
    expect(checked.code).toBe(0);
    expect(checked.out).toBe(
      'jobs.yaml: valid, batch "b"\n' +
        '  clips     902  (2 × 5 s text-to-video, 900 × 10 s text-to-video)\n' +
        '  video     9,010 seconds\n' +
        '  requests  about 9,008\n' +
        '  time      at least 1 min 30 s\n' +
        '  budget    3 clips\n',
    );
  });

  it('config prints the source of every setting, and no secret', async () => {
    const env = { APIXO_API_KEY: 'sk-hidden', CLIPMILL_MAX_TASKS: '3' };
    const { code, out } = await clipmill(['config', '--json'], await workFolder(), env).finished;
    expect(code).toBe(0);
    expect(out).not.toContain('sk-hidden');
    expect(JSON.parse(out)).toContainEqual(
      expect.objectContaining({ name: 'CLIPMILL_MAX_TASKS', value: '3', source: 'environment' }),
    );
  });

  it('config prints every setting, even if one is invalid, and exits with 2', async () => {
    const env = { CLIPMILL_MAX_TASKS: 'many', CLIPMILL_MAX_TASK: '3' };
    const { code, out, err } = await clipmill(['config'], await workFolder(), env).finished;
    expect(code).toBe(2);
    expect(out).toMatch(/^CLIPMILL_MAX_TASKS +many +environment/m);
    expect(out).toMatch(/^CLIPMILL_POLL_INTERVAL +5s +default/m);
    expect(err).toContain('did you mean CLIPMILL_MAX_TASKS?');
    expect(err).toContain('error: CLIPMILL_MAX_TASKS=many: must be a whole number');
  });

  it.each(['job', 'event', 'file'])('schema %s prints a JSON Schema', async (what) => {
    const { code, out } = await clipmill(['schema', what], await workFolder()).finished;
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ $schema: 'https://json-schema.org/draft/2020-12/schema' });
  });

  it('help and version print to standard output and exit with 0', async () => {
    const folder = await workFolder();
    const help = await clipmill(['--help'], folder).finished;
    expect(help).toMatchObject({ code: 0, err: '' });
    expect(help.out).toContain('Usage: clipmill');
    const { version } = JSON.parse(await readFile('package.json', 'utf8')) as { version: string };
    expect(await clipmill(['--version'], folder).finished).toMatchObject({ code: 0, out: `${version}\n` });
  });

  it('a command in a folder without a run reports what is missing', async () => {
    const { code, err } = await clipmill(['status'], await workFolder()).finished;
    expect(code).toBe(2);
    expect(err).toContain('REDIS_URL is not set, and no `clipmill run` has used this folder');
  });

  it('simulate answers like the API until it is interrupted', async () => {
    const running = clipmill(['simulate', '--port', '0', '--key', 'k'], await workFolder());
    await running.saying('simulating the API');
    const url = running.out().trim();
    expect(
      (await fetch(`${url}/api/v1/apikeys/current-balance`, { headers: { authorization: 'Bearer k' } })).status,
    ).toBe(200);
    expect(
      (await fetch(`${url}/api/v1/apikeys/current-balance`, { headers: { authorization: 'Bearer x' } })).status,
    ).toBe(401);
    running.child.kill('SIGTERM');
    expect((await running.finished).code).toBe(0);
  });

  it('demo makes the example clips without a key, in its own folder', async () => {
    const folder = await workFolder({ 'tiny.yaml': 'batch: tiny\njobs:\n  - prompt: a fox\n    id: fox\n' });
    await mkdir(join(folder, 'videos/tiny'), { recursive: true });
    await writeFile(join(folder, 'videos/tiny/fox.mp4'), 'a paid clip');
    const { code, out } = await clipmill(['demo', 'tiny.yaml'], folder).finished;
    expect(code).toBe(0);
    expect(out).toContain('tiny: 1 done of 1 clip\n  gallery: clipmill-demo/tiny/index.html\n');
    expect(out).toContain('npx clipmill run jobs.example.yaml');
    expect(await readFile(join(folder, 'videos/tiny/fox.mp4'), 'utf8')).toBe('a paid clip');
    expect((await readdir(folder)).toSorted()).toEqual(['clipmill-demo', 'tiny.yaml', 'videos']);
  });

  it('demo changes no folder that it did not make', async () => {
    const folder = await workFolder({ 'tiny.yaml': 'batch: tiny\njobs:\n  - prompt: a fox\n' });
    await mkdir(join(folder, 'clipmill-demo'));
    await writeFile(join(folder, 'clipmill-demo/notes.txt'), 'mine');
    const { code, err } = await clipmill(['demo', 'tiny.yaml'], folder).finished;
    expect(code).toBe(2);
    expect(err).toContain('clipmill-demo/ contains files that are not from a demo');
    expect(await readFile(join(folder, 'clipmill-demo/notes.txt'), 'utf8')).toBe('mine');
  });
});
