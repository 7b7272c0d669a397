import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, describe, expect, it, onTestFinished } from 'vitest';
import { startEmbeddedRedis } from '../../src/redis/embedded/server.ts';
import { createReportWriter } from '../../src/reports/writer.ts';
import { openStorage } from '../../src/storage/open-storage.ts';
import { createClipmill } from '../../src/index.ts';
import { startSimulator, type Simulator } from '../../src/simulator/start-simulator.ts';
import { clipmill, scaled, workFolder } from '../support/cli.ts';
import { openLedger } from '../support/ledger.ts';
import { startS3Server } from '../support/s3-server.ts';
import { until } from '../support/until.ts';

const SPEED = 200;
const server = await startS3Server();
afterAll(() => server?.stop());

async function simulated(options: Parameters<typeof startSimulator>[0] = {}) {
  const simulator = await startSimulator({ speed: SPEED, ...options });
  onTestFinished(() => simulator.close());
  return { simulator, env: { ...scaled(simulator.url, SPEED), CLIPMILL_LOG_LEVEL: 'warn' } };
}

const made = (simulator: Simulator) => simulator.records.summary().tasks.made;

/** A jobs file with these ids, each with a prompt of its own. */
function jobsOf(ids: readonly string[], prompt = 'a clip called'): string {
  return `jobs:\n${ids.map((id) => `  - {id: ${id}, prompt: ${prompt} ${id}}\n`).join('')}`;
}

interface Row {
  id: string;
  state: string;
  taskId?: string;
}

async function rowsOf(path: string): Promise<Row[]> {
  const text = await readFile(path, 'utf8').catch(() => '');
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Row);
}

function s3Settings(prefix: string): Record<string, string> {
  return {
    CLIPMILL_STORAGE: `s3://${server?.bucket}/${prefix}`,
    S3_ENDPOINT: server?.endpoint ?? '',
    S3_FORCE_PATH_STYLE: 'true',
    AWS_ACCESS_KEY_ID: server?.accessKeyId ?? '',
    AWS_SECRET_ACCESS_KEY: server?.secretAccessKey ?? '',
  };
}

/** Works as `run` does, in this process: submits, waits for the end, writes the reports. @returns the counts */
async function runHere(
  settings: Record<string, string>,
  jobs: readonly { id: string; prompt: string }[],
  {
    batch = 'jobs',
    home,
    ...options
  }: { batch?: string; home?: string; output?: string; adopt?: boolean; replace?: boolean } = {},
) {
  const mill = await createClipmill({ settings, home: home ?? join(await workFolder(), '.clipmill') });
  try {
    const handle = await mill.submit(batch, jobs, options);
    const { counts } = await handle.ended();
    await handle.storePages();
    return counts;
  } finally {
    await mill.close();
  }
}

/** A folder with the clips and the manifest of batch `old`, `c0` and following, which its ledger does not know. */
async function oldBatch() {
  const redis = await startEmbeddedRedis(await workFolder());
  onTestFinished(() => redis.stop());
  const folder = await workFolder();
  const clips = 1_000;
  await mkdir(join(folder, 'videos/old'), { recursive: true });
  const rows = Array.from({ length: clips }, (_, n) => ({
    id: `c${n}`,
    state: 'done',
    // As versions without markers and hashes wrote it.
    input: { mode: 'text-to-video', prompt: `clip ${n}`, duration: 5, sound: true, aspect_ratio: '1:1' },
    provider: 'auto',
    output: `old/c${n}.mp4`,
    attempts: 1,
    taskId: `task_${n}`,
    location: 'file:///elsewhere',
    size: 4,
  }));
  await Promise.all(rows.map((row) => writeFile(join(folder, 'videos', row.output), 'clip')));
  const lines = rows.map((row) => JSON.stringify(row)).join('\n');
  await writeFile(join(folder, 'videos/old/manifest.jsonl'), `${lines}\n{"torn`);
  const ledger = await openLedger(
    { REDIS_URL: redis.url, CLIPMILL_PREFIX: 'clipmill', CLIPMILL_STORAGE: `file:${join(folder, 'videos')}` },
    redis.url,
  );
  return { folder, redis, ledger, clips };
}

const jobsWith = (ids: readonly string[], prompt = 'a clip called') =>
  ids.map((id) => ({ id, prompt: `${prompt} ${id}`, aspect_ratio: '1:1' as const }));

describe('a lost Redis', () => {
  it('costs nothing when the clips are on disk, from any folder', async () => {
    const { simulator, env } = await simulated();
    const folder = await workFolder();
    const settings = { ...env, CLIPMILL_STORAGE: `file:${join(folder, 'videos')}` };
    expect(await runHere(settings, jobsWith(['a', 'b', 'c']))).toMatchObject({ done: 3 });

    // As in a container or on another machine, with three jobs more.
    const elsewhere = await workFolder({ 'jobs.yaml': jobsOf(['a', 'b', 'c', 'd', 'e', 'f']) });
    const grown = await clipmill(['run', 'jobs.yaml'], elsewhere, settings).finished;
    expect(grown.err).toContain('submitting 3 new clips (3 clips already stored)');
    expect(grown.out).toContain('jobs: 6 done of 6 clips');
    expect(made(simulator)).toBe(6);
    expect(await rowsOf(join(folder, 'videos/jobs/manifest.jsonl'))).toHaveLength(6);
  }, 60_000);

  it.skipIf(!server)(
    'costs nothing when the clips are on S3',
    async () => {
      const { simulator, env } = await simulated();
      const settings = { ...env, ...s3Settings('lost') };
      for (let loss = 0; loss < 2; loss += 1) {
        expect(await runHere(settings, jobsWith(['a', 'b', 'c']))).toMatchObject({ done: 3 });
      }
      // Other jobs of the same name: nothing is sent, and nothing replaced.
      await expect(runHere(settings, jobsWith(['a', 'b', 'c'], 'something else'))).rejects.toThrow(
        '3 jobs have different content in the manifest: a, b, c',
      );
      expect(made(simulator)).toBe(3);
    },
    60_000,
  );

  it.skipIf(!server).each(['disk', 'S3'])(
    'loses no task in progress, with clips on %s',
    async (kind) => {
      const { simulator, env } = await simulated({ generationMs: { 5: [500_000, 500_000] } });
      const disk = { CLIPMILL_STORAGE: `file:${join(await workFolder(), 'videos')}` };
      const settings = { ...env, CLIPMILL_MAX_TASKS: '3', ...(kind === 'S3' ? s3Settings('under-way') : disk) };
      const jobs = jobsWith(['a', 'b', 'c', 'd', 'e', 'f']);
      const mill = await createClipmill({ settings, home: join(await workFolder(), '.clipmill') });
      try {
        const batch = await mill.submit('jobs', jobs);
        await until(async () => (await batch.status()).counts.generating === 3, 'three tasks');
        await batch.storePages();
      } finally {
        await mill.close();
      }
      expect(await runHere(settings, jobs)).toMatchObject({ total: 6, done: 6 });
      expect(made(simulator)).toBe(6);
    },
    60_000,
  );

  it('costs nothing after an interrupt, which writes the manifest', async () => {
    const { simulator, env } = await simulated({ generationMs: { 5: [600_000, 600_000] } });
    const folder = await workFolder({ 'jobs.yaml': jobsOf(['a', 'b', 'c']) });
    const first = clipmill(['run', 'jobs.yaml'], folder, env);
    await until(() => made(simulator) === 3, 'three tasks');
    first.child.kill('SIGINT');
    expect((await first.finished).code).toBe(130);
    const rows = await rowsOf(join(folder, 'videos/jobs/manifest.jsonl'));
    expect(rows.map((row) => row.state)).toEqual(['generating', 'generating', 'generating']);
    const settings = { ...env, CLIPMILL_STORAGE: `file:${join(folder, 'videos')}` };
    expect(await runHere(settings, jobsWith(['a', 'b', 'c']))).toMatchObject({ done: 3 });
    expect(made(simulator)).toBe(3);
  }, 60_000);

  it('gives a new job of a longer file the next {index} after the adopted ones', async () => {
    const { simulator, env } = await simulated();
    const videos = join(await workFolder(), 'videos');
    const settings = { ...env, CLIPMILL_STORAGE: `file:${videos}` };
    const output = '{batch}/{index}.mp4';
    expect(await runHere(settings, jobsWith(['a', 'b']), { output })).toMatchObject({ done: 2 });
    const folder = await workFolder({ 'jobs.yaml': `output: '${output}'\n${jobsOf(['a', 'b', 'c'])}` });
    const grown = await clipmill(['run', 'jobs.yaml'], folder, settings).finished;
    expect(grown.out, grown.err).toContain('jobs: 3 done of 3 clips');
    const names = (await readdir(join(videos, 'jobs'))).filter((name) => name.endsWith('.mp4'));
    expect(names.toSorted()).toEqual(['1.mp4', '2.mp4', '3.mp4']);
    expect(made(simulator)).toBe(3);
  }, 60_000);

  it('costs nothing when `run` is killed with -9 during its adoption, and run again', async () => {
    const { simulator, env } = await simulated();
    const { folder, redis, ledger, clips } = await oldBatch();
    const job = (id: string, prompt: string) => `  - {id: ${id}, prompt: ${prompt}, aspect_ratio: '1:1'}\n`;
    const old = Array.from({ length: clips }, (_, n) => job(`c${n}`, `clip ${n}`)).join('');
    await writeFile(join(folder, 'old.yaml'), `jobs:\n${job('new', 'a new clip')}${old}`);
    // Without a marker, the folder may be another installation's.
    const args = ['run', 'old.yaml', '--adopt'];
    const killed = clipmill(args, folder, { ...env, REDIS_URL: redis.url });
    await until(async () => ((await ledger.queries.batch('old'))?.counts.done ?? 0) > 0, 'the first items', 20_000);
    killed.child.kill('SIGKILL');
    await killed.finished;
    expect((await ledger.queries.folder('old')).adopting).toBe(true);
    expect(made(simulator)).toBe(0);

    const again = await clipmill(args, folder, { ...env, REDIS_URL: redis.url }).finished;
    expect(again.out, again.err).toContain(`old: ${(clips + 1).toLocaleString('en')} done of`);
    expect(made(simulator)).toBe(1);
  }, 60_000);

  it('is recovered without the jobs file, even if the recovery is killed', async () => {
    const { simulator, env } = await simulated();
    const { folder, redis, ledger, clips } = await oldBatch();
    const settings = { ...env, REDIS_URL: redis.url };
    const killed = clipmill(['recover'], folder, settings);
    await until(async () => ((await ledger.queries.batch('old'))?.counts.done ?? 0) > 0, 'the first items', 20_000);
    killed.child.kill('SIGKILL');
    await killed.finished;
    expect((await ledger.queries.folder('old')).adopting).toBe(true);
    // Workers do not replace the only record of the rest.
    const storage = openStorage(ledger.config);
    onTestFinished(() => storage.close());
    await expect(createReportWriter({ ...ledger, storage }).write('old')).rejects.toThrow('is not complete');
    expect(await rowsOf(join(folder, 'videos/old/manifest.jsonl')).catch(() => 'torn')).toBe('torn');

    const again = await clipmill(['recover', 'old'], folder, settings).finished;
    expect(again.out).toBe(`old: ${clips.toLocaleString('en')} clips stored, 0 tasks in progress at the API\n`);
    expect((await ledger.queries.batch('old'))?.counts).toMatchObject({ total: clips, done: clips });
    expect(await ledger.queries.folder('old')).toMatchObject({ adopting: false, known: true });
    expect(made(simulator)).toBe(0);
  }, 90_000);
});

describe('a folder that holds something else', () => {
  it('is left unchanged by a second project of the same name until its user decides', async () => {
    const { simulator, env } = await simulated();
    const shared = { ...env, CLIPMILL_STORAGE: `file:${join(await workFolder(), 'videos')}` };
    const videos = shared.CLIPMILL_STORAGE.slice('file:'.length);
    const two = await workFolder({
      'jobs.yaml': jobsOf(
        ['001', '003'].map((id) => `"${id}"`),
        'project two',
      ),
    });
    const clip = (name: string) => readFile(join(videos, name), 'utf8');
    await runHere(shared, jobsWith(['001', '002'], 'project one'));

    const refused = await clipmill(['run', 'jobs.yaml'], two, shared).finished;
    expect(refused.code).toBe(2);
    expect(refused.err).toContain('1 job has different content in the manifest: 001');
    expect(refused.err).toContain('another jobs file');
    expect(refused.err).toContain('--batch NAME');
    expect(made(simulator)).toBe(2);

    await runHere(shared, jobsWith(['001', '003'], 'project two'), { batch: 'two' });
    expect(await clip('two/001.mp4')).toContain('project two');
    expect(await clip('jobs/001.mp4')).toContain('project one');
    expect(made(simulator)).toBe(4);

    const adopted = await clipmill(['run', 'jobs.yaml', '--adopt'], two, shared).finished;
    expect(adopted.code).toBe(0);
    expect(adopted.out).toContain('jobs: 3 done of 3 clips');
    expect(await clip('jobs/001.mp4')).toContain('project one');
    expect(made(simulator)).toBe(5);

    expect(await runHere(shared, jobsWith(['001', '002'], 'project three'), { replace: true })).toMatchObject({
      done: 2,
    });
    expect(await clip('jobs/001.mp4')).toContain('project three');
    expect(made(simulator)).toBe(7);
  }, 90_000);

  it('keeps a file that clipmill did not make, and reports it before anything is sent', async () => {
    const { simulator, env } = await simulated();
    const folder = await workFolder({ 'jobs.yaml': jobsOf(['a', 'b']) });
    await mkdir(join(folder, 'videos/jobs'), { recursive: true });
    await writeFile(join(folder, 'videos/jobs/b.mp4'), 'my holiday');
    const refused = await clipmill(['run', 'jobs.yaml'], folder, env).finished;
    expect(refused.code).toBe(2);
    expect(refused.err).toContain('1 name is taken by a file that neither Redis nor a manifest lists: jobs/b.mp4');
    expect(made(simulator)).toBe(0);
    const adopted = await clipmill(['run', 'jobs.yaml', '--adopt'], folder, env).finished;
    expect(adopted.out).toContain('jobs: 2 done of 2 clips');
    expect(made(simulator)).toBe(1);
    expect(await readFile(join(folder, 'videos/jobs/b.mp4'), 'utf8')).toBe('my holiday');
  }, 60_000);
});
