import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { settings, type Setting } from '../../src/config/settings.ts';
import { queueNames } from '../../src/queue/queues.ts';

const root = resolve(import.meta.dirname, '../..');
const text = (name: string) => readFileSync(join(root, name), 'utf8');
const known = Object.values<Setting>(settings);
const settingNames = new Set(known.map(({ env }) => env));

/** The standard variables of the AWS SDK, which are no settings of ours. */
const isSetting = (name: string) => settingNames.has(name) || name.startsWith('AWS_');

const packageJson = z
  .object({ bin: z.object({ clipmill: z.string() }), files: z.array(z.string()) })
  .parse(JSON.parse(text('package.json')));

const service = z.strictObject({
  image: z.string(),
  build: z.string().optional(),
  restart: z.enum(['unless-stopped', 'always']).optional(),
  command: z.array(z.string()),
  environment: z.record(z.string(), z.string()).default({}),
  ports: z.array(z.string()).default([]),
  volumes: z.array(z.string()).default([]),
  depends_on: z
    .record(
      z.string(),
      z.strictObject({ condition: z.enum(['service_healthy', 'service_started', 'service_completed_successfully']) }),
    )
    .default({}),
  healthcheck: z
    .strictObject({ test: z.array(z.string()), interval: z.string(), timeout: z.string(), retries: z.number() })
    .optional(),
  stop_grace_period: z.string().optional(),
});

const composeFile = z.looseObject({
  services: z.record(z.string(), service),
  volumes: z.record(z.string(), z.null()),
});

/** Value of a `--flag value` pair in a command. */
function flag(command: readonly string[], name: string): string | undefined {
  const at = command.indexOf(name);
  return at < 0 ? undefined : command[at + 1];
}

describe('docker-compose.yml', () => {
  const { services, volumes } = composeFile.parse(parse(text('docker-compose.yml'), { merge: true }));
  const all = Object.entries(services);
  const ours = all.filter(([, { image }]) => image === 'clipmill');

  it('runs a Redis that persists everything and evicts nothing', () => {
    const { command, volumes: mounted, healthcheck } = services['redis'] ?? {};
    expect(command?.[0]).toBe('redis-server');
    expect(flag(command ?? [], '--appendonly')).toBe('yes');
    expect(['everysec', 'always']).toContain(flag(command ?? [], '--appendfsync'));
    expect(flag(command ?? [], '--maxmemory-policy')).toBe('noeviction');
    expect(mounted).toEqual([expect.stringMatching(/:\/data$/)]);
    expect(healthcheck).toBeDefined();
  });

  it('depends on services that exist and can reach the awaited condition', () => {
    for (const [name, { depends_on }] of all) {
      for (const [needed, { condition }] of Object.entries(depends_on)) {
        expect(Object.keys(services), `${name} depends on ${needed}`).toContain(needed);
        if (condition === 'service_healthy') expect(services[needed]?.healthcheck, needed).toBeDefined();
        if (condition === 'service_completed_successfully') expect(services[needed]?.restart, needed).toBeUndefined();
      }
    }
    for (const [name, { depends_on }] of ours) expect(Object.keys(depends_on), name).toContain('redis');
  });

  it('declares the volumes it mounts, and no others', () => {
    const mounted = all.flatMap(([, one]) => one.volumes.map((volume) => volume.split(':')[0] ?? ''));
    expect(mounted.toSorted()).toEqual(Object.keys(volumes).toSorted());
  });

  it('opens ports only to this machine', () => {
    for (const [name, { ports }] of all) for (const port of ports) expect(port, name).toMatch(/^127\.0\.0\.1:/);
  });

  it('starts workers of every kind, and lets them drain', () => {
    for (const [name, { command, stop_grace_period, restart }] of ours) {
      expect(command[0], name).toBe('work');
      for (const kind of command.slice(1)) expect(queueNames, name).toContain(kind);
      expect(Number.parseInt(stop_grace_period ?? '', 10), name).toBeGreaterThan(25);
      expect(restart, name).toBeDefined();
    }
    const kinds = ours.flatMap(([, { command }]) => command.slice(1));
    expect(kinds.toSorted()).toEqual([...queueNames].toSorted());
  });

  it('sets variables that clipmill reads, and uses those that .env.example names', () => {
    for (const [name, { environment }] of ours) {
      for (const variable of Object.keys(environment)) expect(isSetting(variable), `${name}: ${variable}`).toBe(true);
    }
    const asked = [...text('docker-compose.yml').matchAll(/\$\{(\w+)/g)].map(([, name]) => name ?? '');
    expect(asked.length).toBeGreaterThan(5);
    expect(asked.filter((name) => !exampleNames().includes(name))).toEqual([]);
  });
});

describe('workers/', () => {
  it('has an entry point for each kind, and one for all', () => {
    const names = readdirSync(join(root, 'workers')).map((file) => file.replace(/\.ts$/, ''));
    expect(names).toEqual(expect.arrayContaining(['all', ...queueNames]));
  });
});

describe('Dockerfile', () => {
  const lines = text('Dockerfile').split('\n');
  const last = lines.slice(lines.findLastIndex((line) => line.startsWith('FROM ')));

  it('does not run as root, and starts the program so that it receives signals', () => {
    const users = last.filter((line) => line.startsWith('USER '));
    expect(users.at(-1)).toMatch(/^USER (?!root\b|0\b)\w+/);
    expect(last).toContain(`ENTRYPOINT ["node", "${packageJson.bin.clipmill}"]`);
  });

  it('copies everything of the package that is code', () => {
    const copied = last.filter((line) => line.startsWith('COPY ')).join(' ');
    for (const folder of packageJson.files.filter((file) => file.startsWith('dist/'))) expect(copied).toContain(folder);
  });
});

/** Names that .env.example sets or shows in a comment. */
function exampleNames(): string[] {
  return [...text('.env.example').matchAll(/^#?([A-Z][A-Z0-9_]*)=/gm)].map(([, name]) => name ?? '');
}

describe('settings', () => {
  it('of .env.example are all read', () => {
    expect(exampleNames().length).toBeGreaterThan(5);
    expect(exampleNames().filter((name) => !isSetting(name))).toEqual([]);
  });

  it('have the same defaults in docs/settings.md', () => {
    const quoted = (cell: string | undefined) =>
      [...(cell ?? '').matchAll(/`([^`]+)`/g)].map(([, value]) => value ?? '');
    const rows = text('docs/settings.md')
      .split('\n')
      .map((row) => row.split('|'));
    const documented = rows.flatMap(([, names, defaults]) => {
      const values = quoted(defaults);
      return quoted(names).length === values.length ? quoted(names).map((name, index) => [name, values[index]]) : [];
    });
    const actual = new Map(known.map((setting) => [setting.env, setting.default]));
    const compared = documented.filter(([name = '']) => actual.get(name) !== undefined);
    expect(compared.length).toBeGreaterThan(15);
    expect(compared).toEqual(compared.map(([name = '']) => [name, actual.get(name)]));
  });

  it('are all in docs/settings.md or .env.example', () => {
    const documented = [...text('docs/settings.md').matchAll(/`([A-Z][A-Z0-9_]+)`/g)].map(([, name]) => name ?? '');
    const written = new Set([...exampleNames(), ...documented]);
    // Kept for a later version, and refused by this one.
    const later = known.filter(({ about }) => about.includes('refuse'));
    const missing = known.filter((setting) => !later.includes(setting) && !written.has(setting.env));
    expect(missing.map(({ env }) => env)).toEqual([]);
  });
});
