import { describe, expect, it } from 'vitest';
import { readTaskReport, statusData } from '../../../src/apixo/wire.ts';

const read = (data: unknown) => readTaskReport(statusData.parse(data));

describe('readTaskReport', () => {
  it('reads a success, and how long it took', () => {
    const data = {
      taskId: 't',
      state: 'success',
      resultJson: '{"resultUrls":["https://r2.example.com/a.mp4","https://r2.example.com/b.mp4"]}',
      createTime: 1_000,
      completeTime: 42_388,
      costTime: 41_388,
    };
    expect(read(data)).toEqual({
      state: 'success',
      urls: ['https://r2.example.com/a.mp4', 'https://r2.example.com/b.mp4'],
      generationMs: 41_388,
    });
  });

  it.each(['{"resultUrls":[]}', '{}', 'not json', '', null, undefined, '{"resultUrls":["ftp://x/a.mp4"]}'])(
    'takes a success without a URL for a failure: %s',
    (resultJson) => {
      expect(read({ state: 'success', resultJson })).toMatchObject({ state: 'failed', failCode: 'NO_RESULT_URL' });
    },
  );

  it('reads a failure without a code', () => {
    expect(read({ state: 'failed', failCode: null })).toEqual({ state: 'failed', failCode: 'UNKNOWN', failMsg: '' });
  });

  it.each(['pending', 'processing', 'queued-somewhere-new'])('keeps looking at "%s"', (state) => {
    expect(read({ state })).toEqual({ state: 'running', said: state });
  });
});
