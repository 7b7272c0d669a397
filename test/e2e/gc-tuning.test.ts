import { expect, it } from 'vitest';
import { start, workFolder } from '../support/cli.ts';

it('collects the old generation of a download process again and again', async () => {
  // Without that it would grow to gigabytes in the course of a month.
  const { code, out } = await start('test/processes/promoting.js', [], await workFolder()).finished;
  expect(code).toBe(0);
  expect(out.match(/collected/g)).toHaveLength(3);
});
