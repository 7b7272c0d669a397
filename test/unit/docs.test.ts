import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '../..');
const text = (name: string) => readFileSync(join(root, name), 'utf8');
const inFolder = (folder: string) =>
  readdirSync(join(root, folder))
    .filter((name) => name.endsWith('.md'))
    .map((name) => join(folder, name));
const pages = ['README.md', 'CONTRIBUTING.md', ...inFolder('docs'), ...inFolder('docs/decisions')];

describe('documents', () => {
  it.each(pages)('%s links to files that exist', (page) => {
    const targets = [...text(page).matchAll(/\]\((?!https?:)([^)#\s]+)/g)].map(([, target]) => target ?? '');
    expect(targets.filter((target) => !existsSync(join(root, dirname(page), target)))).toEqual([]);
  });

  it.each(['CONTRIBUTING.md', 'docs/architecture.md'])('%s names source files that exist', (page) => {
    const paths = [...text(page).matchAll(/`((?:src|test|workers|bench|docs|examples)\/[\w./-]+)`/g)].map(
      ([, path]) => path ?? '',
    );
    // Placeholders of files to be written.
    const named = paths.filter((path) => !path.includes('NAME'));
    expect(named.length).toBeGreaterThan(0);
    expect(named.filter((path) => !existsSync(join(root, path)))).toEqual([]);
  });

  it('are all in the index', () => {
    const listed = new Set([...text('docs/README.md').matchAll(/\]\(([^)#]+)/g)].map(([, target]) => target));
    const missing = [...inFolder('docs'), ...inFolder('docs/decisions')]
      .map((page) => page.slice('docs/'.length))
      .filter((page) => page !== 'README.md' && !listed.has(page));
    expect(missing).toEqual([]);
  });

  it('explain each term once, in alphabetical order', () => {
    const terms = [...text('docs/glossary.md').matchAll(/^\| (\w[\w-]*) +\|/gm)]
      .map(([, term]) => term ?? '')
      .filter((term) => term !== 'term');
    expect(terms).toEqual([...new Set(terms)].toSorted());
    expect(terms).toEqual(expect.arrayContaining(['attempt', 'held', 'item', 'permit', 'slot', 'task', 'token']));
  });
});
