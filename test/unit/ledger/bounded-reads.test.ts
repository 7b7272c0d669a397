import { readdirSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

/** A whole list, sorted set or stream in one reply, which blocks Redis for as long as it is. */
const WHOLE =
  /(ZRANGE|LRANGE)'?, \w+, 0, -1|\.(zrange|lrange)\([^;]*'0', '-1'|\.(smembers|hkeys|hvals|keys)\(\w*keys\./i;

it('reads no reply of Redis that grows with batches', () => {
  const unbounded: string[] = [];
  const paths = readdirSync('src', { recursive: true, encoding: 'utf8' }).filter((path) => /\.(ts|lua)$/.test(path));
  for (const path of paths) {
    for (const [index, line] of readFileSync(`src/${path}`, 'utf8').split('\n').entries()) {
      if (WHOLE.test(line)) unbounded.push(`${path}:${index + 1}: ${line.trim()}`);
    }
  }
  expect(unbounded).toEqual([]);
});
