import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createLogger, silentLogger } from '../../../src/core/log.ts';
import type { MoveReply } from '../../../src/ledger/attempt-replies.ts';
import { OutcomeFile, readOutcomes, replayOutcomes } from '../../../src/worker/outcomes/outcome-file.ts';
import { OutcomeJournal } from '../../../src/worker/outcomes/outcome-journal.ts';
import type { OutcomeRecorder } from '../../../src/worker/outcomes/submission-outcome.ts';
import { workFolder } from '../../support/cli.ts';
import { until } from '../../support/until.ts';

const attempt = { batch: 'b', id: 'a', attempt: 1, tryId: 'x' };
const task = { taskId: 't-1', tasks: 1, kind: 'k' };

const moved: MoveReply = { result: 'moved', state: 'generating' };
const missing: MoveReply = { result: 'refused', state: 'missing' };

/** A journal over a Redis with scripted answers. */
async function world() {
  const folder = join(await workFolder(), 'outcomes');
  const log = silentLogger();
  const written: string[] = [];
  const state = { error: undefined as Error | undefined, acknowledges: true, epoch: 1, reply: moved };
  const write = (method: string, args: readonly unknown[]): Promise<MoveReply> => {
    if (state.error) return Promise.reject(state.error);
    written.push(`${method} ${JSON.stringify(args)}`);
    return Promise.resolve(state.reply);
  };
  const ledger: OutcomeRecorder = {
    accepted: ({ tryId }, ...args) => write(`accepted ${tryId ?? ''}`, args),
    notAccepted: (_attempt, ...args) => write('notAccepted', args),
    rejected: (_attempt, ...args) => write('rejected', args),
    ambiguous: (_attempt, ...args) => write('ambiguous', args),
    resubmit: (_attempt, ...args) => write('resubmit', args),
  };
  const connection = {
    get epoch() {
      return state.epoch;
    },
    acknowledged: (epoch: number) => Promise.resolve(state.acknowledges && epoch === state.epoch),
  };
  const file = new OutcomeFile(folder, 'clipmill', log);
  const journal = new OutcomeJournal({ ledger, connection, file, log });
  return { folder, state, written, ledger, journal, log };
}

describe('the outcome journal', () => {
  it.each(['OOM command not allowed', 'MISCONF Redis is configured', 'READONLY', 'Too many Cluster redirections'])(
    'keeps a task id through the reply %s and records it afterwards',
    async (reply) => {
      const { state, written, journal } = await world();
      state.error = new Error(reply);
      const recording = journal.accepted(attempt, task);
      await until(() => journal.pending === 1);
      state.error = undefined;
      expect(await recording).toMatchObject({ result: 'moved' });
      expect(written).toHaveLength(1);
      expect(written[0]).toContain('t-1');
      await journal.close(100);
    },
  );

  it('repeats unacknowledged records on a new connection', async () => {
    const { state, written, journal } = await world();
    state.acknowledges = false;
    await journal.accepted(attempt, task);
    state.epoch = 2;
    await until(() => written.length === 2, 'the second writing');
    expect(new Set(written).size).toBe(1);
    state.acknowledges = true;
    await until(() => journal.pending === 0, 'the acknowledgement');
    await journal.close(0);
  });

  it('keeps unrecorded outcomes in a file, which the next process records', async () => {
    const { folder, state, written, ledger, journal, log } = await world();
    state.error = new Error('Connection is closed.');
    const recording = journal.accepted(attempt, task).catch((error: unknown) => error);
    await journal.close(0);
    expect(await recording).toBeInstanceOf(Error);
    const [found] = await readOutcomes(folder);
    expect(found?.lines).toMatchObject([{ prefix: 'clipmill', batch: 'b', id: 'a', outcome: 'accepted', task: 't-1' }]);

    state.error = undefined;
    await replayOutcomes(folder, 'another-prefix', ledger, log);
    expect(written).toEqual([]);
    await replayOutcomes(folder, 'clipmill', ledger, log);
    expect(written).toHaveLength(1);
    expect(await readdir(folder)).toEqual([]);
  });

  it('keeps a file with a torn last line, and reports it once', async () => {
    const { folder, written, ledger } = await world();
    await mkdir(folder, { recursive: true });
    const line = { at: 1, prefix: 'clipmill', ...attempt, outcome: 'accepted', task: 't-1', args: [task] };
    await writeFile(join(folder, '1-a.jsonl'), `${JSON.stringify(line)}\n{"at":2,"pre`);
    const lines: string[] = [];
    const log = createLogger({ level: 'warn', secrets: [], destination: { write: (text) => void lines.push(text) } });
    for (let start = 0; start < 2; start += 1) await replayOutcomes(folder, 'clipmill', ledger, log);
    expect(written).toHaveLength(1);
    expect(lines.filter((text) => text.includes('1-a.jsonl.torn'))).toHaveLength(1);
    expect(await readFile(join(folder, '1-a.jsonl.torn'), 'utf8')).toContain('{"at":2,"pre');
  });

  it('keeps the task of a lost item in the file until a process can record it', async () => {
    const { folder, state, written, ledger, journal, log } = await world();
    state.reply = missing;
    await journal.accepted(attempt, task);
    await journal.accepted({ ...attempt, id: 'c' }, { ...task, taskId: 't-2' });
    await until(() => journal.pending === 0, 'nothing to acknowledge');
    await journal.close(0);
    await replayOutcomes(folder, 'clipmill', ledger, log);
    expect((await readOutcomes(folder)).flatMap(({ lines }) => lines)).toMatchObject([
      { task: 't-1' },
      { task: 't-2' },
    ]);

    state.reply = moved;
    await replayOutcomes(folder, 'clipmill', ledger, log);
    expect(await readdir(folder)).toEqual([]);
    // As the same try: another one may have the attempt.
    expect(written.at(-1)).toMatch(/^accepted x .*t-2/);
  });

  it('keeps the file after its retries if a fail-over has lost the item', async () => {
    const { folder, state, journal } = await world();
    state.acknowledges = false;
    await journal.accepted(attempt, task);
    [state.epoch, state.reply, state.acknowledges] = [2, missing, true];
    await until(() => journal.pending === 0, 'the second writing');
    await journal.close(100);
    expect((await readOutcomes(folder)).flatMap(({ lines }) => lines)).toMatchObject([{ task: 't-1' }]);
  });
});
