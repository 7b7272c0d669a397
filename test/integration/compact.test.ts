import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { App } from '../../src/app.ts';
import { dispatch } from '../../src/ledger/dispatch.ts';
import { foldedName } from '../../src/core/folded-name.ts';
import type { NewItem } from '../../src/ledger/intake.ts';
import { openLedger } from '../support/ledger.ts';

/** Stores the clip of the next item that is due. */
async function storeNext({ run, attempts }: App, location: string, storedAs?: string): Promise<void> {
  const [attempt] = (await dispatch(run, 1)).attempts;
  if (!attempt) throw new Error('nothing dispatched');
  await attempts.begin(attempt, 't', true);
  await attempts.accepted(attempt, { taskId: `task-${attempt.id}`, tasks: 1, kind: 'm/5/auto' });
  await attempts.generated(attempt, ['https://example.com/x.mp4'], 54_000);
  const name = storedAs === undefined ? {} : { storedAs, storedAsReason: 'the name was taken' };
  await attempts.stored(attempt, { location, size: 5, sha256: 'f'.repeat(64), ...name });
}

const text = (maxLength: number) => fc.string({ unit: 'grapheme', minLength: 1, maxLength });
const name = fc.stringMatching(/^[a-zé]{1,90}$/).map((stem) => `${stem}.mp4`);
const job = fc.record({
  output: fc.option(name, { nil: undefined }),
  priority: fc.constantFrom(100, 1),
  provider: fc.constantFrom('auto', 'value'),
  input: fc.record({
    mode: fc.constantFrom('t', 'u'),
    prompt: text(300),
    negative: text(9),
    duration: fc.constantFrom(5, 10),
  }),
  elsewhere: fc.boolean(),
  renamed: fc.boolean(),
});

describe('the item of a stored clip', () => {
  it('is read as it was written, with any content', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(job, { minLength: 1, maxLength: 5, selector: (one) => one.output ?? one }),
        async (jobs) => {
          const app = await openLedger();
          const items = jobs.map(({ output, priority, provider, input }, index): NewItem => {
            const id = `clip-${index}`;
            return { id, priority, provider, input, output: output ?? `b/${id}.mp4` };
          });
          const wanted = new Map<string, unknown>();
          for (const [index, item] of items.entries()) {
            await app.intake.add('b', { model: 'm' }, [item], true);
            const { elsewhere = false, renamed = false } = jobs[index] ?? {};
            const storedAs = renamed ? `b/other-${index}.mp4` : undefined;
            const location = elsewhere
              ? `s3://bucket/${'x'.repeat(80)}/${index}`
              : `file:///clips/${storedAs ?? item.output}`;
            await storeNext(app, location, storedAs);
            const { id, priority, provider, input, output } = item;
            const named = storedAs && { storedAs, storedAsReason: 'the name was taken' };
            const stored = { state: 'done', task: `task-${id}`, location, size: 5, sha256: 'f'.repeat(64), ...named };
            wanted.set(id, {
              batch: 'b',
              id,
              index: index + 1,
              priority,
              provider,
              input,
              output,
              attempt: 1,
              ...stored,
              history: [],
            });
          }
          for await (const item of app.queries.items('b')) {
            const { at, endedAt, postedAt, hash, ...rest } = item;
            expect(rest).toEqual(wanted.get(item.id));
            expect(endedAt).toBe(at);
            expect([typeof postedAt, typeof hash]).toEqual(['number', 'string']);
            expect(await app.queries.item('b', item.id)).toEqual(item);
            wanted.delete(item.id);
          }
          expect(wanted.size).toBe(0);
          // The same jobs again are known, and their names are freed with them.
          expect(await app.intake.add('b', { model: 'm' }, items, false)).toMatchObject({
            added: 0,
            changed: [],
            taken: [],
          });
          expect(await app.redis.hget(app.keys.outputs, foldedName(items[0]?.output ?? ''))).not.toBeNull();
          expect(await app.admin.purge('b', 0)).toBe(0);
          expect(await app.redis.hgetall(app.keys.outputs)).toEqual({});
        },
      ),
      { numRuns: 12 },
    );
  });

  it('is one block of memory', async () => {
    const app = await openLedger();
    const prompt = 'A wooden ship crosses a calm sea at dawn, '.repeat(20);
    await app.intake.add(
      'b',
      { model: 'm' },
      [{ id: 'a', priority: 100, provider: 'auto', output: 'b/a.mp4', input: { prompt } }],
      false,
    );
    await storeNext(app, 'file:///clips/b/a.mp4');
    expect(await app.redis.object('ENCODING', app.keys.item('b/a'))).toMatch(/listpack|ziplist/);
  });

  it('is read as an earlier version stored it', async () => {
    const app = await openLedger();
    const fields = {
      priority: '7',
      provider: 'auto',
      output: 'x.mp4',
      input: '{"prompt":"p"}',
      attempt: '2',
      index: '1',
    };
    const ended = {
      state: 'done',
      at: '5',
      endedAt: '6',
      location: 'file:///x.mp4',
      size: '3',
      sha256: 'f',
      tasks: '1',
    };
    await app.redis.hset(app.keys.item('b/a'), { ...fields, ...ended });
    expect(await app.queries.item('b', 'a')).toMatchObject({
      priority: 7,
      output: 'x.mp4',
      input: { prompt: 'p' },
      attempt: 2,
      at: 5,
      endedAt: 6,
      location: 'file:///x.mp4',
    });
  });
});
