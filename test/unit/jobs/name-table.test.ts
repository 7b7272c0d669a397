import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { NameTable } from '../../../src/jobs/compile/name-table.ts';

it('remembers who was first, as a Map would', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.string({ maxLength: 3 }), fc.nat(5), fc.nat(), fc.nat())), (entries) => {
      const claims = new NameTable();
      const map = new Map<string, unknown>();
      for (const [name, file, line, job] of entries) {
        const owner = { file, line, job };
        expect(claims.find(name)).toEqual(map.get(name));
        expect(claims.claim(name, owner)).toEqual(map.get(name));
        if (!map.has(name)) map.set(name, owner);
      }
    }),
  );
});

it('grows and forgets nothing', () => {
  const claims = new NameTable();
  for (let line = 1; line <= 5_000; line++) {
    expect(claims.claim(`name ${line}`, { file: 1, line, job: line + 7 })).toBeUndefined();
  }
  for (let line = 1; line <= 5_000; line += 13) {
    expect(claims.find(`name ${line}`)).toEqual({ file: 1, line, job: line + 7 });
  }
  expect(claims.find('name 5001')).toBeUndefined();
});
