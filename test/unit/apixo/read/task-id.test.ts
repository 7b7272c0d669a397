import { describe, expect, it } from 'vitest';
import { parseJson } from '../../../../src/apixo/read/json.ts';
import { findTaskId } from '../../../../src/apixo/read/task-id.ts';

const find = (text: string, succeeded = true) => findTaskId(parseJson(text), succeeded);

describe('findTaskId', () => {
  it.each([
    ['{"code":200,"message":"success","data":{"taskId":"task_1"}}', 'task_1'],
    ['{"code":200,"data":{"task_id":"task_1"}}', 'task_1'],
    ['{"code":200,"data":{"TaskID":"task_1"}}', 'task_1'],
    ['{"code":200,"data":{"id":"task_1"}}', 'task_1'],
    ['{"code":200,"data":{"taskId":12345}}', '12345'],
    ['{"code":200,"data":{"taskId":879012345678901234}}', '879012345678901234'],
    ['{"code":200,"data":"task_1"}', 'task_1'],
    ['{"code":200,"data":"{\\"taskId\\":\\"task_1\\"}"}', 'task_1'],
    ['{"code":200,"data":["task_1"]}', 'task_1'],
    ['{"code":200,"data":[{"taskId":"task_1"}]}', 'task_1'],
    ['{"code":200,"data":{"task":{"taskId":"task_1"}}}', 'task_1'],
    ['{"code":200,"data":{"task":{"id":"task_1"}}}', 'task_1'],
    ['{"code":200,"data":{"task":"task_1"}}', 'task_1'],
    ['{"code":200,"result":{"data":{"jobId":"task_1"}}}', 'task_1'],
    ['{"code":0,"data":{"taskId":"task_1"}}', 'task_1'],
    ['{"taskId":"task_1"}', 'task_1'],
    ['{"id":"task_1","status":"queued"}', 'task_1'],
    ['[{"taskId":"task_1"}]', 'task_1'],
    ['{"code":200,"data":{"taskId":" task_1 "}}', 'task_1'],
    ['{"code":200,"data":{"taskId":null,"task_id":"task_1"}}', 'task_1'],
    ['{"code":200,"data":{"taskId":"a\\ud83d"}}', 'a\ufffd'],
  ])('reads %s', (text, id) => {
    expect(find(text)).toBe(id);
  });

  it.each([
    '{"code":200,"message":"success","data":null}',
    '{"code":200,"data":{"taskId":""}}',
    '{"code":200,"data":{"taskId":null}}',
    '{"code":200,"data":{"taskId":"null"}}',
    '{"code":200,"data":{"taskId":{}}}',
    '{"code":200,"data":{"taskId":true}}',
    '{"code":200,"data":"submitted"}',
    '{"code":200,"data":"Task created successfully"}',
    '{"code":200,"requestId":"req_1","data":{}}',
    '{"code":200,"data":{"input":{"taskId":"echoed_1"}}}',
    '"success"',
    'null',
    '',
  ])('reads no id in %s', (text) => {
    expect(find(text)).toBeUndefined();
  });

  it('reads only ids of tasks from an error', () => {
    expect(find('{"code":500,"message":"oops","data":{"taskId":"task_1"}}', false)).toBe('task_1');
    expect(find('{"code":500,"error":{"task_id":"task_1"}}', false)).toBe('task_1');
    expect(find('{"code":500,"id":"trace_1"}', false)).toBeUndefined();
    expect(find('{"code":500,"data":{"id":"trace_1"}}', false)).toBeUndefined();
    expect(find('{"code":500,"data":"trace_1"}', false)).toBeUndefined();
  });
});
