import { readFile, rm, statfs } from 'node:fs/promises';
import { request } from 'undici';
import { describe, expect, it, onTestFinished } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { startServer } from '../../src/server/start-server.ts';
import { clip, clips, startHarness, type Harness } from '../support/harness.ts';

const docs = new URL('../../docs/', import.meta.url);

async function scrape(harness: Harness): Promise<string> {
  const server = await startServer(harness.app, { listen: { host: '127.0.0.1', port: 0 } });
  onTestFinished(() => server.close());
  const answer = await request(`${server.urls.server}/metrics`);
  expect(answer.statusCode).toBe(200);
  return await answer.body.text();
}

/** Names as stored by Prometheus: with _bucket, _sum and _count of histograms. */
function namesIn(text: string): Set<string> {
  const declared = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].flatMap(([, name = '', type]) =>
    type === 'histogram' ? ['_bucket', '_sum', '_count'].map((suffix) => name + suffix) : [name],
  );
  return new Set(declared);
}

/** Returns the metric names in an expression, without strings, label lists and keywords of PromQL. */
function metricsOf(expression: string): string[] {
  const bare = expression
    .replaceAll(/"[^"]*"/g, '')
    .replaceAll(/\{[^}]*\}/g, '')
    .replaceAll(/\b(by|on|without|ignoring)\s*\([^)]*\)/g, '')
    .replaceAll(/\[[^\]]*\]/g, '');
  const words = bare.match(/[a-zA-Z_:][\w:]*(?!\w|\s*\()/g) ?? [];
  return words.filter((word) => !['and', 'or', 'unless', 'by', 'on'].includes(word));
}

const dashboard = z.object({
  __inputs: z.array(z.object({ name: z.literal('DS_PROMETHEUS') })).length(1),
  uid: z.literal('clipmill'),
  panels: z.array(
    z.object({
      title: z.string(),
      datasource: z.object({ uid: z.literal('${DS_PROMETHEUS}') }),
      targets: z.array(z.object({ expr: z.string() })).min(1),
    }),
  ),
});
const alertRules = z.object({
  groups: z.array(z.object({ rules: z.array(z.object({ alert: z.string(), expr: z.string() })).min(8) })),
});

describe('/metrics', () => {
  it('has every metric that the dashboard, the alerts and the docs name', async () => {
    const harness = await startHarness();
    await harness.work();
    await harness.add('b', [...clips(5), clip('bad', 'x [fail:CONTENT_VIOLATION]')]);
    await harness.ended('b');
    expect(await scrape(harness)).not.toMatch(/^clipmill_balance_usd /m);
    await harness.app.account.balance(12.5);
    const names = namesIn(await scrape(harness));
    const board = dashboard.parse(JSON.parse(await readFile(new URL('grafana/clipmill.json', docs), 'utf8')));
    const rules = alertRules.parse(parse(await readFile(new URL('grafana/alerts.yaml', docs), 'utf8')));
    const expressions = [
      ...board.panels.flatMap(({ title, targets }) => targets.map(({ expr }) => [title, expr] as const)),
      ...rules.groups.flatMap(({ rules: list }) => list.map(({ alert, expr }) => [alert, expr] as const)),
    ];
    for (const [title, expr] of expressions) {
      const used = metricsOf(expr).filter((name) => name !== 'up');
      expect(used.length + Number(expr.startsWith('up{')), `${title}: ${expr}`).toBeGreaterThan(0);
      for (const name of used) expect(names, `${title}: ${expr}`).toContain(name);
    }
    expect(metricsOf('sum(rate(clipmill_x_total{a="b"}[5m])) > on (a) y')).toEqual(['clipmill_x_total', 'y']);
    const page = await readFile(new URL('server.md', docs), 'utf8');
    for (const name of names) {
      if (!name.startsWith('clipmill_')) continue;
      expect(page, name).toContain(name.replace(/^clipmill_/, '').replace(/_(bucket|sum|count)$/, ''));
    }
  });

  it('counts what happened', async () => {
    const harness = await startHarness();
    await harness.work();
    await harness.add('b', [...clips(4), clip('bad', 'x [fail:CONTENT_VIOLATION]')]);
    await harness.ended('b');
    await harness.app.account.pause();
    await harness.app.account.balance(12.5);
    await harness.add('c', clips(3, 'waiting'));
    harness.app.conditions.raise('storage', 'the storage takes no clips');
    const text = await scrape(harness);
    const { bavail, bsize } = await statfs(harness.folder);
    const free = Number(/^clipmill_storage_free_bytes (\d+)$/m.exec(text)?.[1]);
    expect(Math.abs(free / (bavail * bsize) - 1)).toBeLessThan(0.05);
    for (const line of [
      'clipmill_redis_up 1',
      'clipmill_items{state="queued"} 3',
      'clipmill_items{state="generating"} 0',
      'clipmill_ended_total{state="done"} 4',
      'clipmill_ended_total{state="failed"} 1',
      'clipmill_failures_total{code="CONTENT_VIOLATION"} 1',
      'clipmill_batches_open 1',
      'clipmill_slots{kind="used"} 0',
      'clipmill_slots{kind="max"} 1000',
      'clipmill_balance_usd 12.5',
      'clipmill_halted{reason="paused"} 1',
      'clipmill_halted{reason="bad-key"} 0',
      'clipmill_condition{kind="storage"} 1',
      'clipmill_condition{kind="disk"} 0',
    ]) {
      expect(text).toContain(`${line}\n`);
    }
    expect(Number(/^clipmill_oldest_waiting_seconds (\S+)$/m.exec(text)?.[1])).toBeGreaterThanOrEqual(0);
    expect(
      Number(/^clipmill_api_requests_total\{kind="generate",status="200"\} (\d+)$/m.exec(text)?.[1]),
    ).toBeGreaterThan(4);
    expect(Number(/^clipmill_download_bytes_total (\d+)$/m.exec(text)?.[1])).toBeGreaterThan(0);
    // A purge does not decrease counters.
    await harness.app.redis.zadd(harness.app.keys.ended, 1, 'b');
    while (await harness.app.admin.purge('b', 1));
    expect(await scrape(harness)).toContain('clipmill_ended_total{state="done"} 4\n');
  });

  it('leaves out the free bytes of a storage that does not answer', async () => {
    const harness = await startHarness();
    await rm(harness.folder, { recursive: true, force: true });
    const text = await scrape(harness);
    expect(text).toContain('clipmill_redis_up 1\n');
    expect(text).not.toMatch(/^clipmill_storage_free_bytes /m);
  });

  it('has a bounded number of series for any batches and codes', async () => {
    const harness = await startHarness();
    const { redis, keys } = harness.app;
    const pipeline = redis.pipeline();
    for (let n = 0; n < 10_000; n += 1) pipeline.zadd(keys.batches, n, `batch-${n}`).zadd(keys.turns, n, `batch-${n}`);
    for (let n = 0; n < 300; n += 1) pipeline.hincrby(keys.totals, `code:CODE_${n}_https://x.test/${n}`, 1);
    pipeline.hincrby(keys.totals, 'code:TASK_TIMEOUT', 7).hincrby(keys.totals, 'code:HTTP_451', 3);
    await pipeline.exec();
    const text = await scrape(harness);
    expect(text).toContain('clipmill_batches_open 10000\n');
    expect(text).toContain('clipmill_failures_total{code="TASK_TIMEOUT"} 7\n');
    expect(text).toContain('clipmill_failures_total{code="HTTP_451"} 3\n');
    expect(text).toContain('clipmill_failures_total{code="other"} 300\n');
    expect(text).not.toMatch(/batch-|https:|CODE_/);
    const series = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    expect(series.length).toBeLessThan(300);
  });
});
