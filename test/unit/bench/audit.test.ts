import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { beforeAll, afterAll, describe, expect, it } from 'vitest';
import { audit } from '../../../bench/audit.ts';
import { parseItem, type Item } from '../../../src/ledger/item.ts';
import type { TaskRecord } from '../../../src/simulator/records.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'clipmill-audited-'));
  await writeFile(join(folder, 'a.mp4'), 'clip of task-1');
});
afterAll(() => rm(folder, { recursive: true }));

function item(more: Record<string, string>): Item {
  const stored = { index: '1', priority: '1', provider: 'auto', output: 'a.mp4', attempt: '1', at: '1' };
  const found = parseItem('b', 'a', { ...stored, input: '{"prompt":"p"}', ...more }, {});
  if (!found) throw new Error('no item');
  return found;
}

function task(taskId: string, billed = true): TaskRecord {
  return { taskId, prompt: 'p', billed } as TaskRecord;
}

function doneItem(name = 'a.mp4', size = '14'): Item {
  return item({ state: 'done', task: 'task-1', location: pathToFileURL(join(folder, name)).href, size });
}

async function verdictOf(one: Item, tasks: TaskRecord[]) {
  return audit(
    (async function* () {
      yield one;
    })(),
    tasks,
  );
}

describe('the audit of a chaos run', () => {
  it('finds no fault with a complete clip that was paid for once', async () => {
    expect(await verdictOf(doneItem(), [task('task-0', false), task('task-1')])).toMatchObject({
      done: 1,
      billed: 1,
      doubled: 0,
      lost: 0,
    });
  });

  it('finds an item that was paid for twice', async () => {
    expect(await verdictOf(doneItem(), [task('task-1'), task('task-2')])).toMatchObject({ doubled: 1 });
  });

  it.each([
    ['has no end', () => item({ state: 'generating' }), []],
    ['is done without its file', () => doneItem('b.mp4'), [task('task-1')]],
    ['is done with a cut file', () => doneItem('a.mp4', '15'), [task('task-1')]],
    ['is done with the clip of another task', () => ({ ...doneItem(), task: 'task-7' }), [task('task-7')]],
    ['failed although its task was paid', () => item({ state: 'failed', code: 'X' }), [task('task-1')]],
  ])('finds an item that %s', async (_what, made, tasks) => {
    expect(await verdictOf(made(), tasks)).toMatchObject({ lost: 1 });
  });

  it('counts held items, and those of them that were paid for', async () => {
    const held = item({ state: 'held', code: 'PROCESS_DIED' });
    expect(await verdictOf(held, [task('task-1')])).toMatchObject({ held: 1, heldWithTask: 1, lost: 0 });
  });
});
