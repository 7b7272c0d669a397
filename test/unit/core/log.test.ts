import { describe, expect, it } from 'vitest';
import { createLogger } from '../../../src/core/log.ts';
import { scrubber } from '../../../src/core/redact.ts';

function logged(write: (log: ReturnType<typeof createLogger>) => void, secrets = ['sk-123']): string {
  let text = '';
  const destination = { write: (line: string) => void (text += line) };
  write(createLogger({ level: 'info', secrets, destination }));
  return text;
}

describe('the log', () => {
  it('is JSON lines with a level, a time and fields first', () => {
    const line: unknown = JSON.parse(logged((log) => log.info({ batch: 'b', item: 'i' }, 'stored')));
    expect(line).toMatchObject({ level: 'info', batch: 'b', item: 'i', msg: 'stored' });
  });

  it('never contains a secret, in any place', () => {
    const text = logged((log) => {
      log.info({ header: 'Bearer sk-123' }, 'a sk-123 b');
      log.error({ err: new Error('refused sk-123', { cause: new Error('sk-123') }) });
    });
    expect(text).not.toContain('sk-123');
    expect(text).toContain('[secret]');
  });

  it('removes the signatures of URLs', () => {
    const scrub = scrubber([]);
    const url = 'https://b.s3.amazonaws.com/a.mp4?X-Amz-Signature=abc&X-Amz-Credential=AK%2Fx&part=1';
    expect(scrub(url)).toBe(
      'https://b.s3.amazonaws.com/a.mp4?X-Amz-Signature=[secret]&X-Amz-Credential=[secret]&part=1',
    );
  });

  it('contains no arguments of a script that Redis refused', () => {
    const refused = Object.assign(new Error('ERR in script'), {
      code: 'X',
      command: { name: 'evalsha', args: ['a secret prompt', 'https://h/a?Signature=abc'] },
    });
    const text = logged((log) => log.error({ err: refused }, 'step failed'));
    expect(text).toContain('ERR in script');
    expect(text).not.toMatch(/a secret prompt|args|Signature/);
  });

  it('cannot control the terminal that shows it, decoded or not', () => {
    const message = 'a \u001b]0;x\u0007 \u009b2J \u202e z';
    const line = logged((log) => log.info({ reason: message }, message));
    // oxlint-disable-next-line no-control-regex -- these characters are the subject
    expect(line).not.toMatch(/[\u0007\u001b\u009b\u202e]/);
    expect(JSON.parse(line)).toMatchObject({ reason: message, msg: message });
    let readable = '';
    const destination = { write: (text: string) => void (readable += text) };
    createLogger({ level: 'info', secrets: [], destination, readable: true }).info({ reason: message }, message);
    // oxlint-disable-next-line no-control-regex -- these characters are the subject
    expect((JSON.parse(readable) as { msg: string }).msg).not.toMatch(/[\u0007\u001b\u009b\u202e]/);
  });
});
