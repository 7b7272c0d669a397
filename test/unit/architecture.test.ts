import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { parseSync } from 'oxc-parser';
import { describe, expect, it } from 'vitest';

/**
 * The floors of the building, from the ground up. A file imports from its own unit (a folder below
 * src/, or a single file there) and from lower floors, types included.
 */
const floors = [
  ['core'],
  ['config', 'simulator'],
  ['apixo', 'redis', 'download', 'storage'],
  ['jobs', 'ledger'],
  ['queue', 'reports', 'callbacks'],
  ['app'],
  ['worker', 'operations', 'doctor'],
  ['server'],
  ['index', 'cli'],
];

const root = resolve(import.meta.dirname, '../..');

function sourceFiles(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => join(folder, name));
}

/** Relative imports of a file, as paths from the top. */
function importsOf(file: string): string[] {
  const source = readFileSync(join(root, file), 'utf8');
  const { module } = parseSync(file, source);
  const named = [
    ...module.staticImports.map((statement) => statement.moduleRequest.value),
    ...module.staticExports.flatMap((statement) => statement.entries.map((entry) => entry.moduleRequest?.value)),
    ...module.dynamicImports.map((call) => source.slice(call.moduleRequest.start + 1, call.moduleRequest.end - 1)),
  ];
  return named
    .filter((name) => name !== undefined && name.startsWith('.'))
    .map((name) => relative(root, resolve(root, dirname(file), String(name))));
}

/** `src/ledger/schema/keys.ts` is of the unit `ledger`, `src/app.ts` of `app`. */
function unitOf(file: string): string {
  const [top, unit = ''] = file.split(sep);
  return top === 'src' ? unit.replace(/\.ts$/, '') : (top ?? '');
}

function floorOf(unit: string): number {
  return unit === 'workers' ? floors.length - 1 : floors.findIndex((floor) => floor.includes(unit));
}

/** Why an import is against the rule; `undefined` when it is not. */
function fault(from: string, to: string): string | undefined {
  const [importer, imported] = [unitOf(from), unitOf(to)];
  if (floorOf(importer) < 0) return `${from}: its unit "${importer}" stands on no floor`;
  if (importer === imported) return undefined;
  if (importer === 'simulator' && imported !== 'core') return `${from} imports ${to}: the simulator stands alone`;
  return floorOf(imported) < floorOf(importer) ? undefined : `${from} imports ${to}, which is not below it`;
}

describe('imports', () => {
  const files = [...sourceFiles('src'), ...sourceFiles('workers')];

  it('run from higher floors to lower ones only', () => {
    const faults = files.flatMap((file) => importsOf(file).map((imported) => fault(file, imported)));
    expect(files.length).toBeGreaterThan(50);
    expect(faults.filter((text) => text !== undefined)).toEqual([]);
  });

  it('would be found out if they did not', () => {
    expect(fault('src/ledger/item.ts', 'src/worker/steps/poll.ts')).toContain('not below it');
    expect(fault('src/ledger/item.ts', 'src/jobs/job.ts')).toContain('not below it');
    expect(fault('src/simulator/api.ts', 'src/apixo/wire.ts')).toContain('stands alone');
    expect(fault('src/unknown/x.ts', 'src/core/errors.ts')).toContain('no floor');
    expect(fault('src/cli/main.ts', 'src/ledger/item.ts')).toBeUndefined();
  });

  it('form no circle', () => {
    const graph = new Map(files.map((file) => [file, importsOf(file)]));
    const state = new Map<string, 'open' | 'closed'>();
    const circles: string[] = [];
    const visit = (file: string, path: string[]) => {
      if (state.get(file) === 'closed') return;
      if (state.get(file) === 'open') {
        circles.push([...path.slice(path.indexOf(file)), file].join(' -> '));
        return;
      }
      state.set(file, 'open');
      for (const next of graph.get(file) ?? []) visit(next, [...path, file]);
      state.set(file, 'closed');
    };
    for (const file of files) visit(file, []);
    expect(circles).toEqual([]);
  });
});
