import { access, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startSimulator } from '../../src/simulator/start-simulator.ts';
import { clipmill, scaled, workFolder } from '../support/cli.ts';
import { until } from '../support/until.ts';

const SPEED = 50;

async function simulated(options: Parameters<typeof startSimulator>[0] = {}) {
  const simulator = await startSimulator({ speed: SPEED, ...options });
  onTestFinished(() => simulator.close());
  return { simulator, env: scaled(simulator.url, SPEED) };
}

const six = `batch: six
jobs:
  - prompt: "clip {n}"
    id: "clip-{n}"
    matrix: {n: [1, 2, 3, 4, 5, 6]}
`;

describe('clipmill run', () => {
  it('makes a folder of clips with gallery and manifest, and leaves no process running', async () => {
    const { simulator, env } = await simulated({ balance: 10 });
    const folder = await workFolder({ 'jobs.yaml': six });
    const { code, out, err } = await clipmill(['run', 'jobs.yaml'], folder, env).finished;
    expect(err).toContain('submitting 6 new clips, 30 seconds of video in all; balance 10.00 USD');
    expect(err).toContain('balance 10.00 USD before, 8.50 USD after, 0.2500 USD per clip');
    expect(out).toBe('six: 6 done of 6 clips\n  gallery: videos/six/index.html\n');
    expect(code).toBe(0);
    for (let n = 1; n <= 6; n += 1) {
      expect((await readFile(join(folder, `videos/six/clip-${n}.mp4`))).includes(`clip ${n}"`)).toBe(true);
    }
    const manifest = (await readFile(join(folder, 'videos/six/manifest.jsonl'), 'utf8')).trimEnd().split('\n');
    expect(manifest.map((line) => (JSON.parse(line) as { id: string }).id)).toEqual(
      [1, 2, 3, 4, 5, 6].map((n) => `clip-${n}`),
    );
    expect(await readFile(join(folder, 'videos/six/index.html'), 'utf8')).toContain('clip-6.mp4');
    await expect(access(join(folder, '.clipmill/redis.sock'))).rejects.toThrow('ENOENT');
    expect(simulator.records.summary().requests.create).toBe(6);
  });

  it('sends nothing for a finished file, in any format', async () => {
    const { simulator, env } = await simulated();
    const folder = await workFolder({
      'six.yaml': six,
      'six.jsonl': [1, 2, 3, 4, 5, 6].map((n) => JSON.stringify({ id: `clip-${n}`, prompt: `clip ${n}` })).join('\n'),
      'six.csv': `id,prompt\n${[1, 2, 3, 4, 5, 6].map((n) => `clip-${n},clip ${n}`).join('\n')}\n`,
      'six.json': JSON.stringify({
        batch: 'six',
        jobs: [
          { id: 'clip-1', prompt: 'clip 1' },
          { id: 'clip-7', prompt: 'clip 7' },
        ],
      }),
    });
    expect((await clipmill(['run', 'six.yaml'], folder, env).finished).code).toBe(0);
    for (const again of ['six.yaml', 'six.jsonl', 'six.csv']) {
      const { code, err } = await clipmill(['run', again], folder, env).finished;
      expect(err).toContain('submitting 0 new clips (6 existing clips)');
      expect(code).toBe(0);
    }
    expect(simulator.records.summary().requests.create).toBe(6);
    const more = await clipmill(['run', 'six.json'], folder, env).finished;
    expect(more.err).toContain('submitting 1 new clip (1 existing clip)');
    expect(more.out).toContain('six: 7 done of 7 clips');
    expect(simulator.records.summary().requests.create).toBe(7);
  });

  it('exits with 1 when items failed or are held, and prints them with a cure', async () => {
    const { simulator, env } = await simulated();
    const folder = await workFolder({
      'mixed.yaml':
        'jobs:\n  - {id: good, prompt: a}\n  - {id: bad, prompt: "b [fail:NSFW]"}\n  - {id: lost, prompt: "c [lost x1]"}\n',
    });
    const first = await clipmill(['run', 'mixed.yaml'], folder, env).finished;
    expect(first.code).toBe(1);
    expect(first.out).toContain('mixed: 1 done, 1 failed, 1 held of 3 clips');
    expect(first.out).toMatch(/failed {2}bad {3}NSFW/);
    expect(first.out).toMatch(/held {4}lost {2}CONNECTION_LOST/);
    expect(first.out).toContain('clipmill retry mixed --failed');
    expect(first.out).toContain('clipmill retry mixed --held');

    // The user accepts paying twice.
    const retry = await clipmill(['retry', 'mixed', '--held'], folder, env).finished;
    expect(retry).toMatchObject({ code: 0, out: '1 item requeued\n' });
    const second = await clipmill(['run', 'mixed.yaml'], folder, env).finished;
    expect(second.out).toContain('mixed: 2 done, 1 failed of 3 clips');
    expect(simulator.records.tasksFor('c [lost x1]')).toHaveLength(2);
    expect(simulator.records.tasksFor('a')).toHaveLength(1);
  });

  it('continues after an interrupt and after kill -9, and pays for nothing twice', async () => {
    const { simulator, env } = await simulated({ generationMs: { 5: [40_000, 90_000] } });
    const folder = await workFolder({ 'jobs.yaml': 'batch: b\njobs:\n  - {prompt: a clip, copies: 40}\n' });
    // The timeout covers the leases of submissions that the kill interrupted, which may hold all ten slots.
    const limited = { ...env, CLIPMILL_MAX_TASKS: '10', CLIPMILL_TASK_TIMEOUT: '10s' };
    const made = () => simulator.records.summary().tasks.made;

    const first = clipmill(['run', 'jobs.yaml'], folder, limited);
    await until(() => made() >= 15);
    first.child.kill('SIGINT');
    const interrupted = await first.finished;
    expect(interrupted.code).toBe(130);
    expect(interrupted.err).toContain('nothing is lost');

    const second = clipmill(['run', 'jobs.yaml'], folder, limited);
    await until(() => made() >= 25);
    second.child.kill('SIGKILL');
    await second.finished;

    const third = await clipmill(['run', 'jobs.yaml'], folder, limited).finished;
    const held = /(\d+) held/.exec(third.out)?.[1] ?? '0';
    // Items whose submission the kill interrupted: on a busy machine, up to all with a slot.
    expect(Number(held)).toBeLessThanOrEqual(10);
    expect(third.out).toContain(`${40 - Number(held)} done`);
    expect(made()).toBeLessThanOrEqual(40);
    expect(simulator.records.summary().tasks.maxInFlight).toBeLessThanOrEqual(10);
  }, 60_000);

  it('refuses a folder in use by another run, but not to status', async () => {
    const { env } = await simulated({ generationMs: { 5: [300_000, 300_000] } });
    const folder = await workFolder({ 'jobs.yaml': six });
    const first = clipmill(['run', 'jobs.yaml'], folder, env);
    await first.saying('submitting 6 new clips');
    const second = await clipmill(['run', 'jobs.yaml'], folder, env).finished;
    expect(second.code).toBe(2);
    expect(second.err).toContain(`is in use by another clipmill (process ${first.child.pid})`);
    const status = await clipmill(['status', '--json'], folder, env).finished;
    expect(JSON.parse(status.out)).toMatchObject({ batches: [{ batch: 'six', counts: { total: 6 } }] });
  });

  it('keeps to max_clips whatever other files set, and continues when its own file raises it', async () => {
    const { simulator, env } = await simulated();
    const one = (text: string) => `batch: six\njobs:\n  - prompt: ${text}\n`;
    const folder = await workFolder({ 'a.yaml': `max_clips: 2\n${six}`, 'b.yaml': one('b'), 'c.yaml': one('c') });
    const made = () => simulator.records.summary().tasks.made;
    const first = await clipmill(['run', 'a.yaml'], folder, env).finished;
    expect(first.code).toBe(1);
    expect(first.err).toContain('six: 6 clips exceed the budget of 2: the rest will be held');
    expect(first.out).toContain('six: 2 done, 4 held of 6 clips');

    // A file without a budget does not remove that of the batch.
    const silent = await clipmill(['run', 'b.yaml'], folder, env).finished;
    expect(silent.err).toContain('six: 7 clips exceed the budget of 2: the rest will be held');
    expect([silent.code, made()]).toEqual([1, 2]);
    const other = await clipmill(['run', 'c.yaml', '--max-clips', '9'], folder, env).finished;
    expect(other.code).toBe(2);
    expect(other.err).toMatch(
      /c\.yaml: max_clips: is 9, but the batch "six" has a budget of 2 from .*a\.yaml: change it there/,
    );
    expect(made()).toBe(2);

    await writeFile(join(folder, 'a.yaml'), `max_clips: 9\n${six}`);
    const second = await clipmill(['run', 'a.yaml'], folder, env).finished;
    expect(second.out).toContain('six: 7 done of 7 clips');
    expect(made()).toBe(7);
  });

  it('refuses two budgets for one batch in one command, and reports that files share a batch', async () => {
    const { simulator, env } = await simulated();
    const folder = await workFolder({
      'a/jobs.yaml': 'max_clips: 2\njobs:\n- a\n',
      'b/jobs.yaml': 'max_clips: 3\njobs:\n- b\n',
    });
    const refused = await clipmill(['run', 'a/jobs.yaml', 'b/jobs.yaml'], folder, env).finished;
    expect([refused.code, simulator.records.summary().requests.total]).toEqual([2, 0]);
    expect(refused.err).toContain('b/jobs.yaml: max_clips: is 3 here and 2 in a/jobs.yaml');
    await writeFile(join(folder, 'b/jobs.yaml'), '- b\n');
    const shared = await clipmill(['run', 'a/jobs.yaml', 'b/jobs.yaml'], folder, env).finished;
    expect(shared.err).toContain('a/jobs.yaml and b/jobs.yaml share the batch `jobs`, its folder and its budget');
    expect(shared.code).toBe(0);
  });
});
