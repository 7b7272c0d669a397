import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { hashName, NameTable } from '../../../src/jobs/compile/name-table.ts';

it('returns the first owner of a name, as a Map would', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.string({ maxLength: 3 }), fc.nat(5), fc.nat(), fc.nat())), (entries) => {
      const table = new NameTable();
      const map = new Map<string, unknown>();
      for (const [name, file, line, job] of entries) {
        const owner = { file, line, job };
        expect(table.find(hashName(name))).toEqual(map.get(name));
        expect(table.claim(hashName(name), owner)).toEqual(map.get(name));
        if (!map.has(name)) map.set(name, owner);
      }
    }),
  );
});

it('grows and loses nothing', () => {
  const table = new NameTable();
  for (let line = 1; line <= 5_000; line++) {
    expect(table.claim(hashName(`name ${line}`), { file: 1, line, job: line + 7 })).toBeUndefined();
  }
  for (let line = 1; line <= 5_000; line += 13) {
    expect(table.find(hashName(`name ${line}`))).toEqual({ file: 1, line, job: line + 7 });
  }
  expect(table.find(hashName('name 5001'))).toBeUndefined();
});
