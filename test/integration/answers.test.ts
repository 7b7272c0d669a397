import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { createLogger } from '../../src/core/log.ts';
import { retryItems } from '../../src/operations/retry.ts';
import { clip, startHarness, type Harness } from '../support/harness.ts';
import { documented, json, scriptedApi, type Answers, type Script, type ScriptedApi } from '../support/scripted-api.ts';
import { until } from '../support/until.ts';

/** One answer of the API, and what must come of it: the item's end with its code, POSTs, and tasks that were billed. */
type Row = [what: string, script: Script, end: string, posts: number, made: number];

interface Played {
  harness: Harness;
  api: ScriptedApi;
  lines: string[];
  ends: () => Promise<Record<string, string>>;
}

/** Plays rows through the real client, steps, queues and ledger; each row is one item. */
async function play(
  rows: readonly Row[],
  env: Record<string, string> = {},
  balance?: ScriptedApi['balance'],
  { clipsDown = false } = {},
): Promise<Played> {
  const api = await scriptedApi(new Map(rows.map(([what, script]) => [what, script])));
  api.balance = balance;
  api.clipsDown = clipsDown;
  const lines: string[] = [];
  const log = createLogger({ level: 'info', secrets: [], destination: { write: (line) => void lines.push(line) } });
  const harness = await startHarness({
    log,
    env: {
      APIXO_BASE_URL: api.url,
      APIXO_API_KEY: 'secret-key-1',
      CLIPMILL_MAX_ATTEMPTS: '2',
      CLIPMILL_TASK_TIMEOUT: '6s',
      ...env,
    },
  });
  await harness.add(
    'b',
    rows.map(([what], index) => clip(`row-${index}`, what, { index })),
  );
  await harness.work();
  async function ends(): Promise<Record<string, string>> {
    const found: Record<string, string> = {};
    for (const [index, [what]] of rows.entries()) {
      const item = await harness.app.queries.item('b', `row-${index}`);
      const { posts, made } = api.calls(what);
      const code = item?.code === undefined ? '' : ` ${item.code}`;
      found[what] = `${item?.state}${code}, ${posts} posted, ${made} billed`;
    }
    return found;
  }
  return { harness, api, lines, ends };
}

function expected(rows: readonly Row[]): Record<string, string> {
  return Object.fromEntries(
    rows.map(([what, , end, posts, made]) => [what, `${end}, ${posts} posted, ${made} billed`]),
  );
}

/** The answers in their order; the last one repeats. */
const inTurn =
  (...answers: Answers[]): Answers =>
  (about) =>
    (answers[about.call - 1] ?? answers.at(-1) ?? documented)(about);
const always =
  (
    body: unknown,
    status = 200,
    more: { made?: boolean; headers?: Record<string, string>; reset?: boolean } = {},
  ): Answers =>
  () =>
    json(body, status, more);
/** An accepted submission, with the given id. */
const accepted = (body: (id: string) => unknown, status = 200): Script => ({
  post: ({ taskId }) => json(body(taskId), status, { made: true }),
});
/** A submission and polls whose answers a gateway has compressed. */
const compressed: Script = {
  post: ({ taskId }) => gzipped({ code: 200, data: { taskId } }, true),
  poll: ({ taskId, base }) =>
    gzipped({ code: 200, data: { taskId, state: 'success', resultUrls: [`${base}/clips/${taskId}.mp4`] } }),
};
const gzipped = (body: object, made = false) =>
  json(gzipSync(JSON.stringify(body)), 200, { made, headers: { 'content-encoding': 'gzip' } });
const polled = (data: (url: string, taskId: string) => object): Script => ({
  poll: ({ taskId, base }) =>
    json({ code: 200, message: 'success', data: { taskId, ...data(`${base}/clips/${taskId}.mp4`, taskId) } }),
});
const ok: Answers = ({ taskId }) => json({ code: 200, data: { taskId } }, 200, { made: true });
const done = (rows: [string, Script][]): Row[] => rows.map(([what, script]) => [what, script, 'done', 1, 1]);
const refusedBy = (status: number, message: string): Script => ({ post: always({ code: status, message }, status) });
const failedWith = (failCode: unknown, failMsg: unknown = ''): Script =>
  polled(() => ({ state: 'failed', failCode, failMsg }));

describe('answers with the documented content in another form', () => {
  const rows = done([
    ['as documented', {}],
    ['task_id', accepted((id) => ({ code: 200, data: { task_id: id } }))],
    ['id', accepted((id) => ({ code: 200, data: { id } }))],
    ['data is the id', accepted((id) => ({ code: 200, data: id }))],
    ['data is JSON as text', accepted((id) => ({ code: 200, data: JSON.stringify({ taskId: id }) }))],
    ['a list of one', accepted((id) => ({ code: 200, data: [{ taskId: id }] }))],
    ['nested', accepted((id) => ({ code: 200, data: { task: { taskId: id, state: 'pending' } } }))],
    ['code 0', accepted((id) => ({ code: 0, data: { taskId: id } }))],
    ['code as text', accepted((id) => ({ code: '200', data: { taskId: id } }))],
    ['code SUCCESS', accepted((id) => ({ code: 'SUCCESS', data: { taskId: id } }))],
    ['no code', accepted((id) => ({ data: { taskId: id } }))],
    ['no envelope', accepted((id) => ({ taskId: id }))],
    ['a byte order mark', accepted((id) => `\ufeff${JSON.stringify({ code: 200, data: { taskId: id } })}`)],
    ['UTF-16', accepted((id) => Buffer.from(`\ufeff${JSON.stringify({ data: { taskId: id } })}`, 'utf16le'))],
    ['gzip', compressed],
    ['201', accepted((id) => ({ code: 201, data: { taskId: id } }), 201)],
    ['an id in a 500', accepted((id) => ({ code: 500, message: 'oops', data: { taskId: id } }), 500)],
    ['an id in a body code 503', accepted((id) => ({ code: 503, data: { taskId: id } }))],
    ['SUCCESS', polled((url) => ({ state: 'SUCCESS', resultJson: JSON.stringify({ resultUrls: [url] }) }))],
    ['completed', polled((url) => ({ state: 'completed', resultUrls: [url] }))],
    ['status succeeded', polled((url) => ({ status: 'succeeded', output: url }))],
    ['resultJson an object', polled((url) => ({ state: 'success', resultJson: { resultUrls: [url] } }))],
    ['resultJson an array', polled((url) => ({ state: 'success', resultJson: [url] }))],
    ['resultJson a URL', polled((url) => ({ state: 'success', resultJson: url }))],
    ['resultUrls on top', polled((url) => ({ state: 'success', resultUrls: [url] }))],
    ['videos with covers', polled((url) => ({ state: 'success', videos: [{ url, cover: `${url}.jpg` }] }))],
    [
      'null before the URL',
      polled((url) => ({ state: 'success', resultJson: JSON.stringify({ resultUrls: [null, url] }) })),
    ],
    ['the same URL twice', polled((url) => ({ state: 'success', resultUrls: [url, url] }))],
    [
      'createTime as text',
      polled((url) => ({
        state: 'success',
        resultUrls: [url],
        createTime: '1767965610929',
        completeTime: '1767965652317',
      })),
    ],
    [
      'completeTime 1e308',
      polled((url) => ({ state: 'success', resultUrls: [url], createTime: 1, completeTime: 1e308 })),
    ],
    [
      'a task that is running in other words',
      { poll: inTurn(polled(() => ({ state: 'IN_QUEUE' })).poll ?? ok, documented) },
    ],
    ['a 500 about a task', { poll: inTurn(always('', 500), always('<html>', 200), always('', 502), documented) }],
    [
      'an empty list that is filled three polls later',
      {
        poll: inTurn(
          ...[1, 2, 3].map(() => polled(() => ({ state: 'success', resultJson: '{"resultUrls":[]}' })).poll ?? ok),
          documented,
        ),
      },
    ],
    ['state null, then an answer', { poll: inTurn(polled(() => ({ state: null })).poll ?? ok, documented) }],
    ['404 for a young task', { poll: inTurn(always({ code: 404, message: 'Task not found' }, 404), documented) }],
    [
      '429 with a Retry-After of nonsense',
      { post: inTurn(always({ code: 429 }, 429, { headers: { 'retry-after': 'soon' } }), ok) },
    ],
    ['a body code 429', { post: inTurn(always({ code: 429, message: 'Too many concurrent tasks' }), ok) }],
    ['521', { post: inTurn(always('<html>', 521), ok) }],
    ['530', { post: inTurn(always('<html>', 530), ok) }],
  ]).map(([what, script, end, , made]): Row => [
    what,
    script,
    end,
    /^(429|a body code 429|5[23])/.test(what) ? 2 : 1,
    made,
  ]);

  it('lead to a clip and no second task', async () => {
    const { harness, ends, lines } = await play(rows);
    await harness.ended('b');
    expect(await ends()).toEqual(expected(rows));
    const files = await readdir(join(harness.folder, 'videos/clips'));
    expect(files.filter((name) => name.endsWith('.mp4'))).toHaveLength(rows.length);
    // Each kind of oddity is logged once, with the answer as it came.
    const odd = lines.filter((line) => line.includes('the API returned an undocumented answer'));
    const kinds = odd.map((line) => /"endpoint":"(\w+)","what":"(\w+)"/.exec(line)?.slice(1).join(' ') ?? '');
    expect(kinds.toSorted((one, other) => one.localeCompare(other))).toEqual([
      'generate error',
      'generate taskId',
      'status result',
      'status state',
    ]);
  }, 60_000);
});

describe('answers that end an item', () => {
  const rows: Row[] = [
    ['a content policy', failedWith('CONTENT_POLICY_VIOLATION'), 'failed CONTENT_POLICY_VIOLATION', 1, 1],
    ['a moderation', failedWith('MODERATION_BLOCKED'), 'failed MODERATION_BLOCKED', 1, 1],
    ['a policy under 500', failedWith('500', 'Your prompt violates our content policy'), 'failed 500', 1, 1],
    ['a policy without a code', failedWith(null, 'Blocked by the safety system'), 'failed UNKNOWN', 1, 1],
    ['a sensitive word', failedWith('SensitiveContentDetected'), 'failed SensitiveContentDetected', 1, 1],
    ['a bad image', failedWith('INVALID_IMAGE_URL'), 'failed INVALID_IMAGE_URL', 1, 1],
    ['failCode a number', failedWith(422, 'content policy'), 'failed 422', 1, 1],
    ['FAILED in capitals', polled(() => ({ state: 'FAILED', failCode: 'NSFW' })), 'failed NSFW', 1, 1],
    ['a passing failure', failedWith('GENERATION_FAILED'), 'failed GENERATION_FAILED', 2, 2],
    ['an unknown failure', failedWith('SOMETHING_NEW'), 'failed SOMETHING_NEW', 2, 2],
    ['half a character', failedWith('BAD\ud83d', 'x\udfff'), 'failed BAD\ufffd', 2, 2],
    ['a megabyte of words', failedWith('NSFW', 'y'.repeat(900_000)), 'failed NSFW', 1, 1],
    ['400', refusedBy(400, 'duration must be 5 or 10'), 'failed HTTP_400', 1, 0],
    ['422', refusedBy(422, 'no'), 'failed HTTP_422', 1, 0],
    ['403 content', refusedBy(403, 'content violates policy'), 'failed HTTP_403', 1, 0],
    ['500 content', refusedBy(500, 'content violates policy'), 'failed HTTP_500', 1, 0],
    [
      '400 with a quoted "insufficient credits" in it',
      refusedBy(400, 'the prompt "insufficient credits" is too odd'),
      'failed HTTP_400',
      1,
      0,
    ],
    ['400 with the word credit', refusedBy(400, 'credit the balance of colours'), 'failed HTTP_400', 1, 0],
    ['the key in a message', failedWith('NSFW', 'key secret-key-1, Bearer secret-key-1'), 'failed NSFW', 1, 1],
  ];

  it('end the item at the least cost', async () => {
    const { harness, ends } = await play(rows, {}, () => json({ code: 200, data: 50 }));
    await harness.ended('b');
    expect(await ends()).toEqual(expected(rows));
    const kept = JSON.stringify(await harness.app.redis.hgetall(harness.app.keys.item('b/row-18')));
    expect(kept).not.toContain('secret-key-1');
    const long = await harness.app.queries.item('b', 'row-11');
    expect(long?.message?.length).toBeLessThanOrEqual(500);
  }, 60_000);

  it('do not count a 500 that the balance shows unbilled', async () => {
    const alone: Row[] = [
      ['500, then not billed', { post: inTurn(always('', 500), always('', 503), always('', 500), ok) }, 'done', 4, 1],
    ];
    const { harness, ends } = await play(alone, {}, () => json({ code: 200, data: 50 }));
    await harness.ended('b');
    expect(await ends()).toEqual(expected(alone));
  }, 60_000);
});

describe('unintelligible answers', () => {
  const rows: Row[] = [
    [
      'success without a URL',
      polled(() => ({ state: 'success', resultJson: '{"resultUrls":[]}' })),
      'held NO_RESULT_URL',
      1,
      1,
    ],
    [
      'success with a picture',
      polled((url) => ({ state: 'success', resultUrls: [`${url}.jpg`] })),
      'held NO_RESULT_URL',
      1,
      1,
    ],
    ['state null', polled(() => ({ state: null })), 'held ANSWER_NOT_UNDERSTOOD', 1, 1],
    ['no state', polled(() => ({})), 'held ANSWER_NOT_UNDERSTOOD', 1, 1],
    [
      'another task',
      {
        poll: ({ base }) =>
          json({ code: 200, data: { taskId: 'other', state: 'success', resultUrls: [`${base}/clips/x.mp4`] } }),
      },
      'held ANSWER_NOT_UNDERSTOOD',
      1,
      1,
    ],
    [
      'another task that failed',
      { poll: always({ code: 200, data: { taskId: 'other', state: 'failed', failCode: 'X' } }) },
      'held ANSWER_NOT_UNDERSTOOD',
      1,
      1,
    ],
    ['HTML about a task', { poll: always('<html>Welcome</html>') }, 'held ANSWER_NOT_UNDERSTOOD', 1, 1],
    [
      'a failed request',
      { poll: always({ status: 'error', message: 'database', data: null }) },
      'held ANSWER_NOT_UNDERSTOOD',
      1,
      1,
    ],
    ['500 for ever', { poll: always('', 500) }, 'held TASK_TIMEOUT', 1, 1],
    ['a reset for ever', { poll: always('', 200, { reset: true }) }, 'held TASK_TIMEOUT', 1, 1],
    ['an unknown state', polled(() => ({ state: 'dreaming' })), 'held TASK_TIMEOUT', 1, 1],
  ];

  it('hold the item with the answer and replace no task; a retry polls the task first', async () => {
    const { harness, api, ends } = await play(rows, { CLIPMILL_TASK_TIMEOUT: '3s' });
    await harness.ended('b');
    expect(await ends()).toEqual(expected(rows));
    expect((await harness.app.queries.item('b', 'row-2'))?.message).toContain('"state":null');
    expect((await harness.app.queries.item('b', 'row-10'))?.message).toContain('dreaming');

    expect(await retryItems(harness.app, 'b', { states: ['held'] })).toBe(rows.length);
    await harness.ended('b');
    expect(api.made()).toBe(rows.length);

    // A new task is paid for on demand alone, one item at a time. So many odd answers have halted submission.
    await harness.app.account.resume();
    await expect(retryItems(harness.app, 'b', { states: ['held'], anew: true })).rejects.toThrow('single item');
    expect(await retryItems(harness.app, 'b', { states: ['held'], item: 'row-2', anew: true })).toBe(1);
    await harness.ended('b');
    expect(api.made()).toBe(rows.length + 1);
  }, 60_000);
});

describe('submissions that may have been accepted', () => {
  const page = '<html><title>Oops</title></html>';
  const hidden = (body: unknown, status: number): Script => ({ post: always(body, status, { made: true }) });
  const rows: Row[] = [
    ['200 without a task', hidden({ code: 200, data: {} }, 200), 'held UNREADABLE_ANSWER', 1, 1],
    ['200 HTML', hidden(page, 200), 'held UNREADABLE_ANSWER', 1, 1],
    ['502', hidden(page, 502), 'held HTTP_502', 1, 1],
    ['504', hidden(page, 504), 'held HTTP_504', 1, 1],
    ['524', hidden(page, 524), 'held HTTP_524', 1, 1],
    ['a reset', { post: always('', 200, { reset: true, made: true }) }, 'held CONNECTION_LOST', 1, 1],
    ['half a JSON', hidden('{"code":200,"data":{"taskId":"ta', 200), 'held UNREADABLE_ANSWER', 1, 1],
    ['500 with a task, and no balance', hidden('', 500), 'held HTTP_500', 2, 2],
  ];

  it('are held with the answer and cost at most CLIPMILL_MAX_ATTEMPTS tasks', async () => {
    const { harness, ends } = await play(rows);
    await harness.ended('b');
    expect(await ends()).toEqual(expected(rows));
    expect((await harness.app.queries.item('b', 'row-1'))?.message).toContain('Oops');
  }, 60_000);

  it('are held as soon as the balance shows that a 500 was billed', async () => {
    const row: Row = ['500', hidden('', 500), 'held HTTP_500', 2, 2];
    const balance = { usd: 10 };
    const { harness, api, ends } = await play([row], { CLIPMILL_MAX_ATTEMPTS: '9' }, () => {
      balance.usd = 10 - api.made();
      return json({ code: 200, data: balance.usd });
    });
    await harness.ended('b');
    expect(await ends()).toEqual(expected([row]));
  }, 60_000);
});

describe('answers of the account', () => {
  const many = (count: number, script: Script): Row[] =>
    Array.from({ length: count }, (_, n): Row => [`prompt ${n}`, script, '', 0, 0]);
  const halted = (harness: Harness) =>
    until(async () => (await harness.app.account.read()).halted ?? undefined, 'a halt');

  it.each<[string, Script, string]>([
    ['401', refusedBy(401, 'no'), 'bad-key'],
    ['403 without a word of content', refusedBy(403, 'forbidden'), 'bad-key'],
    ['402', refusedBy(402, ''), 'no-credit'],
    ['400 Insufficient credits', refusedBy(400, 'Insufficient credits'), 'no-credit'],
    ['404', refusedBy(404, 'no such model'), 'wrong-endpoint'],
    ['407', refusedBy(407, ''), 'network-refused'],
    ['451', refusedBy(451, ''), 'network-refused'],
    ['every answer without a task', { post: always({ code: 200, data: {} }, 200, { made: true }) }, 'odd-answers'],
    ['every answer lost', { post: always('', 200, { reset: true, made: true }) }, 'lost-answers'],
    ['every POST 500 with a task', { post: always('', 500, { made: true }) }, 'unavailable'],
    ['a task that fails because the credit is spent', failedWith('INSUFFICIENT_CREDITS', 'no money'), 'no-credit'],
    ['every success without a clip', polled(() => ({ state: 'success' })), 'odd-answers'],
  ])('halt submission within twenty tasks and fail no item: %s', async (_what, script, reason) => {
    const { harness, api } = await play(many(40, script), { CLIPMILL_MAX_TASKS: '20' });
    expect((await halted(harness)).reason).toBe(reason);
    // What was under way ends; then nothing more is posted until a trial is due.
    await until(
      async () => (await harness.app.redis.hget(harness.app.keys.account, 'posting')) === '0',
      'no POST under way',
    );
    expect(api.made()).toBeLessThanOrEqual(20);
    expect((await harness.app.queries.batch('b'))?.counts.failed).toBe(0);
  });

  it('stop submission while no clip can be downloaded', async () => {
    const { harness, api } = await play(many(60, {}), { CLIPMILL_MAX_TASKS: '10' }, undefined, { clipsDown: true });
    expect((await halted(harness)).reason).toBe('no-downloads');
    await until(async () => (await harness.app.redis.zcard(harness.app.keys.slots)) === 0, 'the end of all tasks');
    const made = api.made();
    expect(made).toBeLessThan(60);
    expect((await harness.app.conditions.read())[0]).toMatchObject({ kind: 'downloads' });
    api.clipsDown = false;
    expect((await harness.ended('b')).counts).toMatchObject({ done: 60 });
    expect(api.made()).toBe(60);
  }, 60_000);

  it('fail only one item and halt nothing while others are accepted', async () => {
    const rows: Row[] = [
      ['odd', refusedBy(400, 'Insufficient credits'), 'failed HTTP_400', 3, 0],
      ...many(30, {
        poll: inTurn(...[1, 2, 3, 4].map(() => always({ code: 200, data: { state: 'pending' } })), documented),
      }).map(([what, script]): Row => [what, script, 'done', 1, 1]),
    ];
    const { harness, ends } = await play(rows, { CLIPMILL_MAX_TASKS: '2' });
    await harness.ended('b');
    expect(await ends()).toEqual(expected(rows));
    expect((await harness.app.account.read()).halted).toBeNull();
  }, 60_000);

  it('do not end a halt by an accepted trial whose task then fails for lack of credit', async () => {
    const { harness, api } = await play(many(12, failedWith('INSUFFICIENT_CREDITS', 'no money')), {
      CLIPMILL_MAX_TASKS: '4',
    });
    await halted(harness);
    await until(async () => (await harness.app.redis.zcard(harness.app.keys.slots)) === 0, 'the end of all tasks');
    const before = api.made();
    await harness.app.account.postponeTrial(0);
    await until(() => api.made() === before + 1, 'a trial');
    await until(async () => (await harness.app.redis.zcard(harness.app.keys.slots)) === 0, 'its end');
    const { halted: still, trialAt } = await harness.app.account.read();
    expect(still?.reason).toBe('no-credit');
    expect((trialAt ?? 0) - Date.now()).toBeGreaterThan(20_000);
    expect(api.made()).toBe(before + 1);
    expect(Number(await harness.app.redis.hget(harness.app.keys.account, 'trialMs'))).toBe(60_000);
  });

  it('end a halt by a balance that has risen while no task was in flight', async () => {
    let usd = 1;
    let full = false;
    const script: Script = {
      post: (about) => (full ? ok(about) : json({ code: 400, message: 'Insufficient credits' }, 400)),
    };
    const { harness } = await play(many(3, script), {}, () => json({ code: 200, data: usd }));
    await halted(harness);
    await until(async () => (await harness.app.redis.zcard(harness.app.keys.slots)) === 0, 'no task in flight');
    expect(await harness.app.account.balance(usd)).toBe('unknown');
    expect(await harness.app.account.balance(usd)).toBe('unknown');
    [usd, full] = [20, true];
    expect(await harness.app.account.balance(usd)).toBe('topped-up');
    harness.app.dispatcher.kick();
    expect((await harness.ended('b')).counts.done).toBe(3);
  });

  it.each([
    ['Unix seconds', () => String(Math.floor(Date.now() / 1000) + 3_600 * 24 * 365)],
    ['a date of another century', () => 'Wed, 25 Nov 2126 12:00:00 GMT'],
    ['a number without end', () => '9'.repeat(30)],
  ])('delay for at most 15 minutes, visibly, at a Retry-After of %s', async (_what, value) => {
    const { harness } = await play(
      many(1, { post: always({ code: 429 }, 429, { headers: { 'retry-after': value() } }) }),
    );
    const heldUntil = await until(async () => (await harness.app.account.read()).heldUntil ?? undefined, 'a hold');
    expect(heldUntil - Date.now()).toBeLessThanOrEqual(900_000);
    expect(heldUntil - Date.now()).toBeGreaterThan(800_000);
  });
});
