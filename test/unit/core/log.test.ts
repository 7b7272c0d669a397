import { describe, expect, it } from 'vitest';
import { createLogger, scrubber } from '../../../src/core/log.ts';

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

  it('never carries a secret, wherever it stands', () => {
    const text = logged((log) => {
      log.info({ header: 'Bearer sk-123' }, 'a sk-123 b');
      log.error({ err: new Error('refused sk-123', { cause: new Error('sk-123') }) });
    });
    expect(text).not.toContain('sk-123');
    expect(text).toContain('[secret]');
  });

  it('takes the rights out of signed URLs', () => {
    const scrub = scrubber([]);
    const url = 'https://b.s3.amazonaws.com/a.mp4?X-Amz-Signature=abc&X-Amz-Credential=AK%2Fx&part=1';
    expect(scrub(url)).toBe(
      'https://b.s3.amazonaws.com/a.mp4?X-Amz-Signature=[secret]&X-Amz-Credential=[secret]&part=1',
    );
  });
});
