import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { checkUrls } from '../../../src/cli/check-urls.ts';
import type { Job } from '../../../src/jobs/job.ts';
import type { JobsFile } from '../../../src/jobs/open-jobs-files.ts';

/** A server that answers by path. */
async function serve(): Promise<{ url: string; requests: string[] }> {
  const requests: string[] = [];
  const types: Record<string, string> = { '/a.png': 'image/png', '/page': 'text/html;\u009b2J' };
  const server = createServer((request, response) => {
    const path = (request.url ?? '').split('?')[0] ?? '';
    requests.push(`${request.method} ${path}`);
    const type = types[path];
    if (type === undefined) {
      response.writeHead(404).end();
      return;
    }
    response.socket?.write(`HTTP/1.1 200 OK\r\nContent-Type: ${type}\r\nContent-Length: 5\r\n\r\n`, 'latin1');
    response.socket?.end();
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests };
}

function fileWith(...urls: string[]): Pick<JobsFile, 'path' | 'jobs'> {
  async function* jobs(): AsyncGenerator<Job> {
    for (const [n, url] of urls.entries()) {
      yield { id: `job-${n}`, input: { mode: 'image-to-video', image_urls: [url] } } as Job;
    }
  }
  return { path: 'jobs.yaml', jobs };
}

describe('the check of URLs', () => {
  it('sends requests only to public addresses', async () => {
    const { url, requests } = await serve();
    await expect(checkUrls([fileWith(`${url}/a.png`, 'http://169.254.169.254/meta')], {})).rejects.toThrow(
      /job-0.*not on the public internet[^]*job-1.*not on the public internet/,
    );
    expect(requests).toEqual([]);
  });

  it('sends one HEAD request, and prints answers without escapes and signatures', async () => {
    const { url, requests } = await serve();
    await checkUrls([fileWith(`${url}/a.png`, `${url}/a.png`)], { anyAddress: true });
    expect(requests).toEqual(['HEAD /a.png']);
    const wrong = checkUrls([fileWith(`${url}/page?Signature=abc`, `${url}/none`)], { anyAddress: true });
    const message = await wrong.then(
      () => '',
      (error: unknown) => (error as Error).message,
    );
    expect(message).toContain('not JPG, PNG or WebP');
    expect(message).toContain('/none answers 404');
    // oxlint-disable-next-line no-control-regex -- these characters are the subject
    expect(message).not.toMatch(/[\u001b\u009b]|abc/);
  });
});
