import { describe, expect, it } from 'vitest';
import { ApixoError } from '../../../src/apixo/errors.ts';
import { kling26 } from '../../../src/apixo/models/kling-2-6.ts';
import type { TaskReport } from '../../../src/apixo/read/task-report.ts';
import type { StoredClip } from '../../../src/ledger/attempts.ts';
import { createLogger } from '../../../src/core/log.ts';
import { downloadStep, type DownloadDeps } from '../../../src/worker/steps/download-step.ts';
import { numbered } from '../../../src/worker/steps/fetch-clips.ts';
import { DownloadPlaces } from '../../../src/worker/steps/download-places.ts';
import { SourceError } from '../../../src/download/errors.ts';
import { rescueName } from '../../../src/storage/safe-names.ts';
import { NameError, StorageError, type Bytes } from '../../../src/storage/storage.ts';
import { contextOf } from '../../support/step-context.ts';

const DAY = 86_400_000;
const attempt = { batch: 'b', id: 'a', attempt: 1 };
const mp4 = Buffer.concat([Buffer.from([0, 0, 0, 12]), Buffer.from('ftypisom')]);

/** One item that waits for its clip, with everything around it in memory. */
function world() {
  const draining = new AbortController();
  const log: string[] = [];
  const state = {
    urls: ['https://files/1.mp4'],
    ended: undefined as StoredClip | { code: string; message: string } | undefined,
    ageMs: 0,
    refused: 0,
    denied: 0,
    unusable: 0,
    /** Attempts in a row without a clip. */
    failed: 0,
    halts: [] as string[],
    warned: false,
    opened: [] as string[],
    stored: [] as string[],
    waits: 0,
    /** Thrown by the source, one for each time it is opened. */
    sourceFails: [] as (Error | undefined)[],
    storageFails: [] as Error[],
    recovered: false,
    report: { state: 'success', urls: ['https://files/fresh.mp4'], generationMs: 1 } as TaskReport | Error,
  };
  const deps: DownloadDeps = {
    api: {
      status: () => (state.report instanceof Error ? Promise.reject(state.report) : Promise.resolve(state.report)),
    },
    attempts: {
      downloadTask: () =>
        Promise.resolve(
          state.ended ? undefined : { taskId: 't', urls: state.urls, output: 'b/a.mp4', since: 0, replace: false },
        ),
      freshUrls: async (_attempt, urls) => {
        state.urls = [...urls];
        state.denied = 0;
      },
      ageOf: async () => state.ageMs,
      urlDenied: async () => (state.denied += 1),
      urlRefused: async () => (state.refused += 1),
      nearsEnd: async () => !state.warned && (state.warned = true),
      claimOutput: async (_attempt, output) => output !== 'b/a-2.mp4',
      stored: async (_attempt, clip) => {
        state.ended = clip;
        return { result: 'moved', state: 'done' };
      },
      urlUnusable: async () => (state.unusable += 1),
      clipFailed: async () => (state.failed += 1),
      held: async (_attempt, cause) => {
        state.ended = cause;
        return { result: 'moved', state: 'held' };
      },
      failed: async (_attempt, cause) => {
        state.ended = cause;
        return { result: 'moved', state: 'failed' };
      },
    },
    account: {
      halt: async (reason) => {
        state.halts.push(reason);
        return 'halted';
      },
    },
    conditions: { raise() {}, clear() {} },
    requests: { take: async () => {} },
    source: {
      open: async (url) => {
        state.opened.push(url);
        const error = state.sourceFails.shift();
        if (error) throw error;
        return { length: mp4.length, body: once(mp4), close() {} };
      },
    },
    storage: {
      put: async (name, body: Bytes) => {
        const error = state.storageFails.shift();
        if (error) throw error;
        let size = 0;
        for await (const piece of body) size += piece.length;
        state.stored.push(name);
        return { location: `s3://clips/${name}`, size };
      },
      recover: async (name) =>
        state.recovered ? { location: `s3://clips/${name}`, size: 12, sha256: 'known' } : undefined,
    },
    places: new DownloadPlaces(4),
    breaker: { acquire: async () => void (state.waits += 1), success() {}, failure: async () => true },
    model: kling26,
  };
  const logger = createLogger({
    level: 'warn',
    secrets: [],
    destination: { write: (line: string) => void log.push(line) },
  });
  return {
    state,
    log,
    draining,
    deps,
    step: (attemptsStarted = 1) =>
      downloadStep(deps, contextOf(attempt, { attemptsStarted, signal: draining.signal, log: logger })),
  };
}

async function* once(bytes: Buffer): AsyncGenerator<Uint8Array> {
  yield bytes;
}

describe('downloading', () => {
  it('halts submission when no clip can be downloaded', async () => {
    const { state, step, log } = world();
    for (const failed of [0, 18, 19]) {
      state.failed = failed;
      state.sourceFails = [new SourceError('broken', 'no answer')];
      await step();
      expect(state.halts).toEqual(failed < 19 ? [] : ['no-downloads']);
    }
    expect(log.join('')).toContain('no clip could be downloaded for 20 tasks in a row: no answer');
  });

  it('stores every file of a task, under names that no other item has', async () => {
    const { state, step } = world();
    state.urls = ['https://files/1.mp4', 'https://files/2.mp4', 'https://files/3.mp4'];
    expect(await step()).toEqual({ kind: 'done' });
    expect(state.stored).toEqual(['b/a.mp4', 'b/a-3.mp4', 'b/a-4.mp4']);
    expect(state.ended).toMatchObject({
      location: 's3://clips/b/a.mp4',
      size: 12,
      more: [
        { output: 'b/a-3.mp4', location: 's3://clips/b/a-3.mp4', size: 12 },
        { output: 'b/a-4.mp4', size: 12 },
      ],
    });
    expect(numbered('a.b/clip', 2)).toBe('a.b/clip-2');
  });

  it('frees its place when the last file of the task has arrived, before it is durable', async () => {
    for (const [urls, expected] of [
      [['https://files/1.mp4'], ['free', 'b/a.mp4']],
      [
        ['https://files/1.mp4', 'https://files/2.mp4'],
        ['b/a.mp4', 'free', 'b/a-3.mp4'],
      ],
    ] as const) {
      const { deps, state, step } = world();
      state.urls = [...urls];
      deps.places = {
        acquire: async () => ({
          signal: new AbortController().signal,
          progressed() {},
          release: () => void (state.stored.includes('free') || state.stored.push('free')),
        }),
      };
      await step();
      expect(state.stored).toEqual(expected);
    }
  });

  it('stores a duplicate URL once, and at most ten URLs', async () => {
    const { state, step } = world();
    state.urls = ['https://files/1.mp4', 'https://files/1.mp4'];
    await step();
    expect(state.stored).toEqual(['b/a.mp4']);
    const many = world();
    many.state.urls = Array.from({ length: 2_000 }, (_, n) => `https://files/${n}.mp4`);
    await many.step();
    expect(many.state.stored).toHaveLength(10);
    expect(many.log.join('')).toContain('too many files');
  });

  it.each([0, 1])('is done without a file that is not a clip, at place %i', async (place) => {
    const { state, step } = world();
    state.urls = ['https://files/1', 'https://files/2?Signature=abc'];
    state.sourceFails =
      place === 0 ? [new SourceError('unusable', 'a JPEG')] : [undefined, new SourceError('unusable', 'a JPEG')];
    expect(await step()).toEqual({ kind: 'done' });
    expect(state.stored).toEqual(['b/a.mp4']);
    expect(state.ended).not.toHaveProperty('more');
  });

  it.each([
    ['unusable', 'RESULT_NOT_A_CLIP', 5, 225_000],
    ['too-large', 'RESULT_TOO_LARGE', 5, 225_000],
    ['slow', 'RESULT_TOO_SLOW', 12, 0],
  ] as const)('holds an item whose result is %s, after tries over minutes', async (fault, code, tries, least) => {
    const { state, step } = world();
    state.sourceFails = Array.from({ length: 20 }, () => new SourceError(fault, 'no clip'));
    let waited = 0;
    for (let run = 1; ; run += 1) {
      const result = await step(run);
      if (result.kind === 'done') break;
      waited += result.delayMs;
    }
    expect(state.ended).toMatchObject({ code, message: expect.stringContaining('no clip') as string });
    expect(state.opened).toHaveLength(tries);
    expect(waited).toBeGreaterThanOrEqual(least);
  });

  it('is not done before the last of them is stored', async () => {
    const { state, step } = world();
    state.urls = ['https://files/1.mp4', 'https://files/2.mp4'];
    state.sourceFails = [undefined, new SourceError('broken', 'reset')];
    expect(await step()).toMatchObject({ kind: 'again' });
    expect(state.ended).toBeUndefined();
    expect(await step(2)).toEqual({ kind: 'done' });
  });

  it('checks on a second run for the stored clip, and downloads it only if there is none', async () => {
    const { state, step } = world();
    state.recovered = true;
    expect(await step(2)).toEqual({ kind: 'done' });
    expect(state.opened).toEqual([]);
    expect(state.ended).toEqual({ location: 's3://clips/b/a.mp4', size: 12, sha256: 'known' });
    const other = world();
    other.state.recovered = true;
    await other.step(1);
    expect(other.state.opened).toHaveLength(1);
  });

  it('numbers a clip whose name is taken by a file, and reports it', async () => {
    const { state, step, log } = world();
    state.storageFails = [new NameError('taken', 'b/a.mp4 already exists')];
    expect(await step()).toEqual({ kind: 'done' });
    // Another item has the name with a 2.
    expect(state.stored).toEqual(['b/a-3.mp4']);
    expect(state.ended).toMatchObject({ storedAs: 'b/a-3.mp4', storedAsReason: 'b/a.mp4 already exists' });
    expect(log.join('')).toContain('stored under another name');
  });

  it('stores a clip with an impossible name under another, without opening the breaker', async () => {
    const { state, step } = world();
    state.storageFails = [new NameError('unusable', 'b is a file')];
    expect(await step()).toEqual({ kind: 'done' });
    const name = rescueName('b', 'a', 't');
    expect(name).toMatch(/^rescued-b-a-[\da-f]{12}\.mp4$/);
    expect(state.stored).toEqual([name]);
    expect(state.ended).toMatchObject({ storedAs: name, storedAsReason: 'b is a file' });
    expect(state.waits).toBe(1);
    expect(rescueName('b'.repeat(200), 'ü/..', 't').length).toBeLessThan(150);
  });

  it('waits at the breaker if even that name is refused', async () => {
    const { state, step } = world();
    state.storageFails = [new NameError('unusable', 'b is a file'), new NameError('unusable', 'no')];
    expect(await step()).toEqual({ kind: 'done' });
    expect(state.waits).toBe(2);
  });

  it('waits at the breaker while the storage fails, and fails no item', async () => {
    const { state, step } = world();
    state.storageFails = [new StorageError('full'), new StorageError('full')];
    expect(await step()).toEqual({ kind: 'done' });
    expect(state.waits).toBe(3);
    expect(state.ended).toMatchObject({ location: 's3://clips/b/a.mp4' });
  });

  it('requests a fresh URL when one has expired', async () => {
    const { state, step } = world();
    state.sourceFails = [new SourceError('expired', 'answered 403')];
    expect(await step()).toMatchObject({ kind: 'again' });
    expect(state.urls).toEqual(['https://files/fresh.mp4']);
    expect(await step(2)).toEqual({ kind: 'done' });
  });

  it('requests another URL every five minutes when one is refused, then fails with the reason', async () => {
    const { state, step, log } = world();
    for (let turn = 1; turn <= 3; turn += 1) {
      state.sourceFails = [new SourceError('forbidden', 'x is at 10.0.0.1')];
      expect(await step(turn)).toEqual({ kind: 'again', delayMs: 300_000 });
      expect(state.urls).toEqual(['https://files/fresh.mp4']);
    }
    state.sourceFails = [new SourceError('forbidden', 'x is at 10.0.0.1')];
    expect(await step(4)).toEqual({ kind: 'done' });
    expect(state.ended).toMatchObject({
      code: 'RESULT_REFUSED',
      message: expect.stringContaining('10.0.0.1') as string,
    });
    expect(log.join('')).toContain('RESULT_REFUSED');
  });

  it('tries for as long as the result lasts, warns once near its end, then fails', async () => {
    const { state, step, log } = world();
    const broken = () => (state.sourceFails = [new SourceError('broken', 'reset')]);
    state.ageMs = 10 * DAY;
    broken();
    expect(await step(500)).toMatchObject({ kind: 'again' });
    expect(log.filter((line) => line.includes('expires soon'))).toHaveLength(0);
    state.ageMs = 14 * DAY;
    for (const attemptsStarted of [501, 502]) {
      broken();
      expect(await step(attemptsStarted)).toMatchObject({ kind: 'again' });
    }
    expect(log.filter((line) => line.includes('expires soon'))).toHaveLength(1);
    state.ageMs = 15 * DAY;
    broken();
    expect(await step(503)).toEqual({ kind: 'done' });
    expect(state.ended).toMatchObject({ code: 'RESULT_GONE' });
  });

  it.each([
    ['does not know the task', new ApixoError('unknown-task', 'HTTP_404', 'no task')],
    ['reports that it failed after all', { state: 'failed', failCode: 'NO_RESULT_URL', failMsg: '' } as const],
  ])('fails when the API repeatedly %s', async (_what, report) => {
    const { state, step, log } = world();
    state.report = report;
    const expired = () => (state.sourceFails = [new SourceError('expired', 'answered 404')]);
    for (let turn = 1; turn < 12; turn += 1) {
      expired();
      expect(await step(turn)).toMatchObject({ kind: 'again' });
    }
    expect(state.ended).toBeUndefined();
    expect(log.filter((line) => line.includes('no URL of'))).toHaveLength(11);
    expired();
    expect(await step(12)).toEqual({ kind: 'done' });
    expect(state.ended).toMatchObject({ code: 'RESULT_GONE' });
  });

  it('uses a URL that comes after such an answer, and resets the count', async () => {
    const { state, step } = world();
    const good = state.report;
    state.sourceFails = [new SourceError('expired', 'answered 404')];
    state.report = new ApixoError('unknown-task', 'HTTP_404', 'no task');
    expect(await step(1)).toMatchObject({ kind: 'again' });
    expect(state.denied).toBe(1);
    state.sourceFails = [new SourceError('expired', 'answered 404')];
    state.report = good;
    expect(await step(2)).toMatchObject({ kind: 'again' });
    expect(state.denied).toBe(0);
    expect(await step(3)).toEqual({ kind: 'done' });
    expect(state.ended).toMatchObject({ location: 's3://clips/b/a.mp4' });
  });

  it('requests a better URL periodically while one fails, and fails no item if there is none', async () => {
    const { state, step } = world();
    const turns = async (from: number, to: number) => {
      for (let turn = from; turn <= to; turn += 1) {
        state.sourceFails = [new SourceError('broken', 'not an MP4')];
        expect(await step(turn)).toMatchObject({ kind: 'again' });
      }
    };
    state.report = new ApixoError('unknown-task', 'HTTP_404', 'no task');
    await turns(1, 100);
    expect(state.denied).toBe(0);
    state.report = { state: 'success', urls: ['https://files/fresh.mp4'], generationMs: 1 };
    await turns(101, 104);
    expect(state.urls).toEqual(['https://files/1.mp4']);
    await turns(105, 105);
    expect(state.urls).toEqual(['https://files/fresh.mp4']);
    expect(await step(106)).toEqual({ kind: 'done' });
  });

  it('returns its job when the process drains', async () => {
    const { state, step, draining } = world();
    const reason = new Error('draining');
    state.sourceFails = [new SourceError('broken', 'broken off')];
    draining.abort(reason);
    await expect(step()).rejects.toBe(reason);
    expect(state.ended).toBeUndefined();
  });
});
