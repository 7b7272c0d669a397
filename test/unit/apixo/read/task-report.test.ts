import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readTaskReport } from '../../../../src/apixo/read/task-report.ts';

const same = (text: string) => text;
const read = (body: unknown) => readTaskReport(body, 't', same);
/** The documented envelope around what an answer holds of task `t`. */
const data = (fields: object) => read({ code: 200, message: 'success', data: { taskId: 't', ...fields } });
const A = 'https://r2.example.com/a.mp4';
const B = 'https://r2.example.com/b.mp4';
const success = (...urls: string[]) => ({ state: 'success', urls });

describe('readTaskReport', () => {
  it('reads the documented answers without a deviation', () => {
    const times = { createTime: 1_767_965_610_929, completeTime: 1_767_965_652_317, costTime: 41_388 };
    expect(data({ state: 'success', resultJson: JSON.stringify({ resultUrls: [A, B] }), ...times })).toEqual({
      report: { state: 'success', urls: [A, B], generationMs: 41_388, completedAt: times.completeTime },
      lenient: [],
    });
    expect(data({ state: 'failed', failCode: 'CONTENT_VIOLATION', failMsg: 'no' })).toEqual({
      report: { state: 'failed', failCode: 'CONTENT_VIOLATION', failMsg: 'no' },
      lenient: [],
    });
    for (const state of ['pending', 'processing'])
      expect(data({ state })).toEqual({ report: { state: 'running', reported: state, known: true }, lenient: [] });
  });

  it.each([
    ['a list as text', { resultJson: JSON.stringify([A]) }],
    ['a URL as text', { resultJson: A }],
    ['text within text', { resultJson: JSON.stringify(JSON.stringify({ resultUrls: [A] })) }],
    ['an object', { resultJson: { resultUrls: [A] } }],
    ['a list', { resultJson: [A] }],
    ['null before the URL', { resultJson: JSON.stringify({ resultUrls: [null, A] }) }],
    ['the same URL twice', { resultJson: JSON.stringify({ resultUrls: [A, A] }) }],
    ['resultUrls on top', { resultUrls: [A] }],
    ['one URL in resultUrls', { resultUrls: A }],
    ['videos', { videos: [{ url: A, cover_url: 'https://r2.example.com/a.jpg' }] }],
    ['url', { url: A }],
    ['video_url', { video_url: A }],
    ['output', { output: [A] }],
    ['a list of results', { result: [{ video: { url: A, duration: 5 } }] }],
    ['a picture beside it', { resultUrls: [A, 'https://r2.example.com/last.png?x=1'] }],
    ['a copy with a watermark', { result: { url: A, watermark_url: B, download_url: B } }],
    ['a preview', { result: { preview: B, videoUrl: A } }],
    ['an echo of the input', { result: { url: A }, input: { image_urls: [B] } }],
  ])('finds the clip in %s', (what, fields) => {
    const { report, lenient } = data({ state: 'success', ...fields });
    expect(report).toMatchObject(success(A));
    if (what !== 'the same URL twice') expect(lenient).toEqual(['result']);
  });

  it('finds several clips, each once', () => {
    expect(data({ state: 'success', videos: [{ url: A }, { url: B }, { url: A }] }).report).toMatchObject(
      success(A, B),
    );
    expect(data({ state: 'success', resultJson: `${A}, ${B}` }).report).toMatchObject(success(A, B));
  });

  it.each(['SUCCESS', 'Succeeded', 'succeed', 'completed', 'COMPLETE', 'finished', 'done', 'ready'])(
    'reads %s as a success',
    (state) => {
      const found = data({ state, resultJson: JSON.stringify({ resultUrls: [A] }) });
      expect(found).toMatchObject({ report: success(A), lenient: ['state'] });
    },
  );

  it.each(['FAILED', 'fail', 'Error', 'canceled', 'cancelled', 'rejected', 'aborted', 'time_out'])(
    'reads %s as a failure',
    (state) => {
      expect(data({ state, failCode: 422, failMsg: null }).report).toEqual({
        state: 'failed',
        failCode: '422',
        failMsg: '',
      });
    },
  );

  it.each(['queued', 'RUNNING', 'in_progress', 'In Progress', 'IN_QUEUE', 'waiting', 'submitted', 'generating'])(
    'reads %s as running',
    (state) => {
      expect(data({ state }).report).toMatchObject({ state: 'running', known: true });
    },
  );

  it('polls on at an unknown state, unless the clip is there', () => {
    expect(data({ state: 'dreaming' }).report).toEqual({ state: 'running', reported: 'dreaming', known: false });
    expect(data({ state: 'dreamt', resultUrls: [A] }).report).toMatchObject(success(A));
    expect(data({ state: null, resultJson: { resultUrls: [A] } }).report).toMatchObject(success(A));
  });

  it.each([
    ['under data of data', { code: 200, data: { data: { taskId: 't', state: 'success', resultUrls: [A] } } }],
    ['without an envelope', { taskId: 't', state: 'success', resultUrls: [A] }],
    ['without an id', { code: 200, data: { status: 'success', resultUrls: [A] } }],
    [
      'as a list',
      {
        code: 200,
        data: [
          { taskId: 'other', state: 'failed' },
          { taskId: 't', state: 'success', resultUrls: [A] },
        ],
      },
    ],
    ['as text', { code: 200, data: JSON.stringify({ task_id: 't', state: 'success', resultUrls: [A] }) }],
    ['with the state beside data', { status: 'completed', data: { video_url: A } }],
  ])('reads a task %s', (_what, body) => {
    expect(read(body).report).toMatchObject(success(A));
  });

  it.each([
    ['no URL', 'no-url', { state: 'success', resultJson: '{"resultUrls":[]}' }],
    ['no result', 'no-url', { state: 'success' }],
    ['half a JSON', 'no-url', { state: 'success', resultJson: '{"resultUrls":["https://r2.exam' }],
    ['a URL of another protocol', 'no-url', { state: 'success', resultUrls: ['ftp://x/a.mp4'] }],
    ['a picture only', 'no-url', { state: 'success', resultUrls: ['https://r2.example.com/a.jpg'] }],
    ['no state', 'no-state', { state: null }],
    ['a state that is no text', 'no-state', { state: 1 }],
    ['nothing', 'no-state', {}],
    ['another task', 'other-task', { taskId: 'other', state: 'success', resultUrls: [A] }],
    ['another task that failed', 'other-task', { taskId: 'other', state: 'failed' }],
  ])('does not read %s as an end', (_what, why, fields) => {
    const { report } = data(fields);
    expect(report).toMatchObject({ state: 'unclear', why });
    expect(report.state === 'unclear' && report.raw).toContain('taskId');
  });

  it.each([
    [{ status: 'error', message: 'database down', data: null }],
    [{ status: 'failed', message: 'internal', data: { taskId: 't' } }],
    [{ code: 200, data: null }],
    ['<html>'],
    [undefined],
  ])('does not read a failed request as a failed task: %j', (body) => {
    expect(read(body).report.state).toBe('unclear');
  });

  it.each([
    [{ createTime: '1767965610929', completeTime: '1767965652317' }, 41_388],
    [{ createTime: 1_767_965_610, completeTime: 1_767_965_652 }, 42_000],
    [{ createTime: '2026-01-09T13:33:30Z', completeTime: '2026-01-09T13:34:12Z' }, 42_000],
    [{ createTime: 1_767_965_610_929, completeTime: 1e308 }, undefined],
    [{ createTime: 1_767_965_652_317, completeTime: 1_767_965_610_929 }, undefined],
    [{ createTime: 'yesterday', completeTime: {} }, undefined],
    [{ createTime: 1, completeTime: 1_767_965_652_317 }, undefined],
  ])('reads the times %j', (times, generationMs) => {
    expect(data({ state: 'success', resultUrls: [A], ...times }).report).toMatchObject({ generationMs });
  });

  it('keeps texts whole, short and without control characters', () => {
    const { report } = data({
      state: 'failed',
      failCode: 'A\ud83d',
      failMsg: `\u001b]0;x\u0007\n${'y'.repeat(1_000_000)}`,
    });
    expect(report).toMatchObject({ failCode: 'A\ufffd' });
    expect(report.state === 'failed' && report.failMsg.length).toBeLessThanOrEqual(500);
    expect(report.state === 'failed' && /\p{Cc}/u.test(report.failMsg)).toBe(false);
  });

  it('ends no task by an answer of any other shape', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (body) => {
        const { report } = read({ code: 200, data: { taskId: 't', resultJson: body, output: body } });
        expect(['unclear', 'success']).toContain(report.state);
        expect(read(body).report.state).not.toBe('failed');
      }),
    );
  });
});
