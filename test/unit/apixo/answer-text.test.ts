import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { answerText } from '../../../src/apixo/answer-text.ts';

const text = '{"code":200,"message":"é 😀","data":{"taskId":"task_1"}}';
const utf8 = Buffer.from(text);
const mark = '\ufeff';

describe('the text of an answer', () => {
  it.each<[string, Buffer, Record<string, string | string[]>]>([
    ['plain', utf8, {}],
    ['UTF-8 with a byte order mark', Buffer.from(mark + text), { 'content-type': 'application/json' }],
    ['UTF-16', Buffer.from(mark + text, 'utf16le'), {}],
    ['UTF-16, big endian', Buffer.from(mark + text, 'utf16le').swap16(), { 'content-type': 'text/plain' }],
    ['UTF-16 by its charset', Buffer.from(text, 'utf16le'), { 'content-type': 'text/json; charset="utf-16le"' }],
    ['an unknown charset', utf8, { 'content-type': 'application/json;charset=klingon' }],
    ['gzip', gzipSync(utf8), { 'content-encoding': 'gzip' }],
    ['GZIP', gzipSync(utf8), { 'content-encoding': 'X-GZIP' }],
    ['deflate', deflateSync(utf8), { 'content-encoding': 'deflate' }],
    ['br', brotliCompressSync(utf8), { 'content-encoding': ['br'] }],
    ['gzip, then br', brotliCompressSync(gzipSync(utf8)), { 'content-encoding': 'gzip, br' }],
    ['plain, announced as gzip', utf8, { 'content-encoding': 'gzip' }],
    ['plain, in an unknown encoding', utf8, { 'content-encoding': 'identity, zap' }],
  ])('is read from %s', (_what, bytes, headers) => {
    expect(answerText(bytes, headers, 1_000)).toBe(text);
  });

  it('is read from another charset', () => {
    const headers = { 'content-type': 'application/json; charset=ISO-8859-1' };
    expect(answerText(Buffer.from('é', 'latin1'), headers, 1_000)).toBe('é');
  });

  it('never grows beyond the limit', () => {
    const bomb = gzipSync(Buffer.alloc(10_000_000, 'x'));
    expect(answerText(bomb, { 'content-encoding': 'gzip' }, 1_000_000).length).toBeLessThan(20_000);
  });
});
