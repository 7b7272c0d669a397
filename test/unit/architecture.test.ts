import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { parseSync } from 'oxc-parser';
import { describe, expect, it } from 'vitest';

/**
 * The floors of the source, from the ground up. A file imports from its own unit (a folder below src/, or a
 * single file there) and from lower floors, types included. docs/architecture.md draws them.
 */
const floors = [
  ['core'],
  ['config', 'simulator'],
  ['apixo', 'redis', 'download', 'storage'],
  ['jobs', 'ledger'],
  ['queue', 'reports', 'callbacks'],
  ['app'],
  ['adoption'],
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

type Import = readonly [from: string, to: string];

/**
 * Circles between the members of one folder, for every folder: `src/jobs: compile -> schema.ts -> compile`. An
 * import of a file from another one is an import of one member of their common folder from another member.
 */
function circles(imports: readonly Import[]): string[] {
  const folders = new Map<string, Map<string, Set<string>>>();
  for (const [from, to] of imports) {
    const [a, b] = [from.split(sep), to.split(sep)];
    const depth = a.findIndex((part, index) => part !== b[index]);
    if (depth < 0) continue;
    const folder = a.slice(0, depth).join(sep);
    const members = folders.get(folder) ?? new Map<string, Set<string>>();
    folders.set(folder, members);
    const [importer = '', imported = ''] = [a[depth], b[depth]];
    members.set(importer, (members.get(importer) ?? new Set()).add(imported));
  }
  return [...folders].flatMap(([folder, members]) => circlesOf(members).map((circle) => `${folder}: ${circle}`));
}

function circlesOf(graph: ReadonlyMap<string, ReadonlySet<string>>): string[] {
  const closed = new Set<string>();
  const found: string[] = [];
  const visit = (node: string, path: readonly string[]) => {
    if (closed.has(node)) return;
    if (path.includes(node)) {
      found.push([...path.slice(path.indexOf(node)), node].join(' -> '));
      return;
    }
    for (const next of graph.get(node) ?? []) visit(next, [...path, node]);
    closed.add(node);
  };
  for (const node of graph.keys()) visit(node, []);
  return found;
}

/** Rooms of the drawing, each with all that can be reached by its arrows. */
function drawnRooms(): Map<string, Set<string>> {
  const drawing = /```mermaid\n([\s\S]*?)```/.exec(readFileSync(join(root, 'docs/architecture.md'), 'utf8'))?.[1] ?? '';
  const arrows = new Map<string, string[]>();
  for (const [, from = '', to = ''] of drawing.matchAll(/^ {2}(\w+)(?:\[.*?\])? --> (.*)$/gm)) {
    arrows.set(from, to.replace(/\[.*\]/, '').split(' & '));
  }
  const reach = (room: string): string[] => (arrows.get(room) ?? []).flatMap((next) => [next, ...reach(next)]);
  return new Map([...arrows.keys()].map((room) => [room, new Set(reach(room))]));
}

describe('imports', () => {
  const files = [...sourceFiles('src'), ...sourceFiles('workers')];
  const imports = files.flatMap((from) => importsOf(from).map((to): Import => [from, to]));

  it('run from higher floors to lower ones only', () => {
    expect(files.length).toBeGreaterThan(50);
    expect(imports.map(([from, to]) => fault(from, to)).filter((text) => text !== undefined)).toEqual([]);
  });

  it('form no circle between the members of any folder', () => {
    expect(circles(imports)).toEqual([]);
  });

  it('are as docs/architecture.md draws them', () => {
    const drawn = drawnRooms();
    expect([...drawn.keys(), 'core'].toSorted()).toEqual(floors.flat().toSorted());
    const missing = imports
      .map(([from, to]) => [unitOf(from), unitOf(to)] as const)
      .filter(([from, to]) => from !== to && from !== 'workers' && to !== 'core' && to !== 'config')
      .filter(([from, to]) => !drawn.get(from)?.has(to));
    expect(missing.map((arrow) => arrow.join(' --> '))).toEqual([]);
  });

  it('are reported if they do not', () => {
    expect(fault('src/ledger/item.ts', 'src/worker/steps/poll-step.ts')).toContain('not below it');
    expect(fault('src/ledger/item.ts', 'src/jobs/job.ts')).toContain('not below it');
    expect(fault('src/simulator/api.ts', 'src/apixo/wire.ts')).toContain('stands alone');
    expect(fault('src/unknown/x.ts', 'src/core/errors.ts')).toContain('no floor');
    expect(fault('src/cli/main.ts', 'src/ledger/item.ts')).toBeUndefined();
    const inner: Import[] = [
      ['src/a/b/one.ts', 'src/a/c/two.ts'],
      ['src/a/c/three.ts', 'src/a/d.ts'],
      ['src/a/d.ts', 'src/a/b/four.ts'],
    ];
    expect(circles(inner)).toEqual(['src/a: b -> c -> d.ts -> b']);
    expect(circles(inner.slice(0, 2))).toEqual([]);
  });
});
