import { describe, expect, it } from 'vitest';
import { parseRedisUrl } from '../../../src/config/redis-url.ts';

describe('REDIS_URL', () => {
  it('is read in every form', () => {
    expect(parseRedisUrl('redis://h')).toEqual({
      kind: 'server',
      tls: false,
      address: { host: 'h', port: 6379 },
      db: 0,
    });
    expect(parseRedisUrl('rediss://u:p@[::1]:7000/3')).toEqual({
      kind: 'server',
      tls: true,
      username: 'u',
      password: 'p',
      address: { host: '::1', port: 7000 },
      db: 3,
    });
    expect(parseRedisUrl('unix://./a b/redis.sock?db=2')).toEqual({ kind: 'socket', path: './a b/redis.sock', db: 2 });
    expect(parseRedisUrl('rediss+sentinel://:p@a,b:1/main/4?sentinel_password=q')).toEqual({
      kind: 'sentinel',
      tls: true,
      password: 'p',
      sentinels: [
        { host: 'a', port: 26_379 },
        { host: 'b', port: 1 },
      ],
      name: 'main',
      db: 4,
      sentinelPassword: 'q',
    });
    expect(parseRedisUrl('redis+cluster://a:1,b:2/')).toMatchObject({
      kind: 'cluster',
      nodes: [
        { host: 'a', port: 1 },
        { host: 'b', port: 2 },
      ],
    });
  });

  it.each([
    ['redis://:p@ss:w/rd@h:1/0', 'p@ss:w/rd'],
    ['redis://default:%3F%25@h', '?%'],
    ['redis://h?password=a%40b', 'a@b'],
  ])('reads the password of %s', (url, password) => {
    expect(parseRedisUrl(url)).toMatchObject({ password });
  });

  it.each([
    ['redis://127.0.0.1:abc', 'its port must be a number'],
    ['redis://h:0', 'its port must be a number'],
    ['redis://h:65536', 'its port must be a number'],
    ['redis://h:', 'its port must be a number'],
    ['redis://h/word', 'database "word" must be a number'],
    ['redis://h/0/1', 'database "0/1" must be a number'],
    ['redis:///0', 'has no host'],
    ['redis://a b', 'is not a host'],
    ['redis://a,b', 'several hosts need'],
    ['redis+cluster://a/1', 'a cluster has only database 0'],
    ['redis://h?passwort=x', 'parameter "passwort" is unknown'],
    ['redis://:100%@h', 'must be written %25'],
    ['redis://:what?@h', 'must be written %3F'],
    ['http://h', 'must begin with'],
    ['redis://', 'must begin with'],
  ])('refuses %s', (url, message) => {
    expect(() => parseRedisUrl(url)).toThrow(message);
  });
});
