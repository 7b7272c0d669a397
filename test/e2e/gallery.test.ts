import { existsSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { chromium, type Browser, type Page } from 'playwright-core';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { storeReports } from '../../src/reports/batch-reports.ts';
import type { Item } from '../../src/ledger/item.ts';
import { createFileStorage } from '../../src/storage/file/storage.ts';
import { item } from '../support/items.ts';

const CHROMIUM = '/usr/bin/chromium';
const FLAGS =
  '--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync';
const here = existsSync(CHROMIUM);
if (!here) process.stderr.write(`NOT TESTED: the gallery in a browser, for there is no ${CHROMIUM}\n`);

const evil = `</script><script>document.title='run'</script><img src=x onerror="document.title='run'">`;

/** The page draws sixty cards at once, so the last of these are far below the window. */
const items: Item[] = [
  item({ id: 'fox', output: 'b/fox #1?.mp4', input: { prompt: 'a fox in snow', duration: 5 } }),
  item({ id: 'evil', output: 'b/evil.mp4', input: { prompt: evil } }),
  item({ id: 'gone', output: 'b/gone.mp4', input: { prompt: 'deleted since' } }),
  item({ id: 'bad', state: 'failed', code: 'NSFW', message: evil, input: { prompt: 'refused' } }),
  item({ id: 'later', state: 'queued', input: { prompt: 'not yet' } }),
  ...Array.from({ length: 200 }, (_, n) =>
    item({ id: `n${n}`, output: 'b/evil.mp4', input: { prompt: `number ${n}` } }),
  ),
];

async function* stream(): AsyncGenerator<Item> {
  yield* items;
}

/** A browser is slow on a busy machine. */
const slow = { timeout: 10_000, interval: 30 };

/** Expressions that the browser evaluates. */
const playing = `(({ paused, currentTime, videoWidth }) =>
  !paused && currentTime > 0.05 && videoWidth > 0)(document.querySelector('dialog video'))`;
const focused = `document.activeElement.closest('article')?.innerText ?? ''`;

describe.skipIf(!here)('the gallery in a browser', () => {
  let browser: Browser;
  let page: Page;
  let address: string;
  /** Errors in the page, and its requests other than files. */
  const wrong: string[] = [];

  beforeAll(async () => {
    const folder = await mkdtemp(join(tmpdir(), 'clipmill-gallery-'));
    await mkdir(join(folder, 'b'));
    const clip = join(import.meta.dirname, '../../src/simulator/clips/16x9-5s-silent.mp4');
    await copyFile(clip, join(folder, 'b/fox #1?.mp4'));
    await copyFile(clip, join(folder, 'b/evil.mp4'));
    await storeReports({ items: stream }, createFileStorage(folder), 'b', {
      manifest: 'b/manifest.jsonl',
      gallery: 'b/index.html',
    });
    address = pathToFileURL(join(folder, 'b/index.html')).href;
    browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS.split(' ') });
    page = await browser.newPage();
    page.on('pageerror', (error) => wrong.push(error.message));
    page.on('console', (message) => message.type() === 'error' && wrong.push(message.text()));
    page.on('request', (request) => /^(file|data):/.test(request.url()) || wrong.push(request.url()));
    return async () => {
      await browser.close();
      await rm(folder, { recursive: true, force: true });
    };
  });
  beforeEach(() => page.goto(address));

  const card = (text: string) => page.locator('article', { hasText: text });
  const prompt = (text: string) => page.locator('article .prompt', { hasText: text });

  it('plays clips by mouse and by keyboard', async () => {
    await card('a fox in snow').getByRole('button').click();
    const viewer = page.locator('dialog');
    const plays = async () => {
      await expect.poll(() => page.evaluate(playing), slow).toBe(true);
    };
    await plays();
    await expect.poll(() => viewer.innerText(), slow).toContain('a fox in snow');
    await page.keyboard.press('ArrowRight');
    await expect.poll(() => viewer.innerText(), slow).toContain('onerror');
    await plays();
    await page.keyboard.press('Escape');
    await expect.poll(() => viewer.isVisible(), slow).toBe(false);
    // The focus returns to the last clip once the viewer is closed.
    await expect.poll(() => page.evaluate(focused), slow).toContain('onerror');
    await page.keyboard.press('Enter');
    await expect.poll(() => viewer.innerText(), slow).toContain('onerror');
  });

  it('shows failures with reasons, clips to come and missing files', async () => {
    expect(await card('refused').innerText()).toContain('NSFW: </script>');
    expect(await card('not yet').innerText()).toContain('queued');
    await expect.poll(() => card('deleted since').innerText(), slow).toContain('not found here');
    expect(await page.locator('#counts').innerText()).toContain('1 still to come');
  });

  it('finds clips by words and by state', async () => {
    await page.keyboard.press('/');
    await page.keyboard.insertText('NUMBER 99');
    await expect.poll(() => page.locator('#counts').innerText(), slow).toContain('2 of 205 clips');
    expect(await page.locator('article').count()).toBe(2);
    await page.locator('#find').fill('nsfw');
    await expect
      .poll(() => page.locator('article').allInnerTexts(), slow)
      .toEqual([expect.stringContaining('refused')]);
    await page.locator('#find').fill('');
    await page.getByRole('button', { name: 'failed 1' }).click();
    await expect.poll(() => page.locator('article').count(), slow).toBe(1);
    await page.locator('#find').fill('no such');
    await expect.poll(() => page.locator('#none').isVisible(), slow).toBe(true);
  });

  it('shows prompts as text, and loads only the clips in view', async () => {
    await expect.poll(() => page.evaluate(`document.querySelector('video').readyState`), slow).toBeGreaterThan(0);
    expect(await page.title()).toBe('b · clipmill');
    expect(await prompt('onerror').innerText()).toBe(evil);
    expect(await page.locator('img, script[src], iframe').count()).toBe(0);
    expect(wrong.filter((text) => !text.includes('ERR_FILE_NOT_FOUND'))).toEqual([]);
    const [drawn, loaded] = await Promise.all([
      page.locator('article').count(),
      page.locator('article video[src]').count(),
    ]);
    expect(drawn).toBeLessThan(200);
    expect(loaded).toBeLessThan(drawn / 2);
    await page.evaluate('scrollTo(0, 1e9)');
    await expect.poll(() => page.locator('article').count(), slow).toBeGreaterThan(drawn);
  });
});
