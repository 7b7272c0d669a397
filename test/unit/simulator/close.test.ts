import { request } from 'undici';
import { expect, it } from 'vitest';
import { errorCode, startHarness, textInput, advanceUntil } from './support.ts';

it('ends all requests at once and frees the port', async () => {
  const harness = await startHarness({ clipBytes: 200_000, generationMs: { 5: [0, 0], 10: [60_000, 60_000] } });
  const { simulator } = harness;
  const [url = ''] = await harness.urlsOf('[file:stall]');
  const stalled = request(url, { dispatcher: harness.agent }).then(({ body }) => body.arrayBuffer());
  const hanging = harness.post({ input: { ...textInput, prompt: '[hang]' } });
  await harness.create('running', { duration: 10 });
  await advanceUntil(harness, () => simulator.records.summary().tasks.made === 3);
  simulator.setFaults({ latencyMs: [60_000, 60_000] });
  const late = harness.status('x');
  const outcomes = Promise.all([stalled, hanging, late].map(errorCode));
  await advanceUntil(harness, () => simulator.records.summary().files.requests === 1);

  const began = simulator.records.now();
  await simulator.close();
  expect(simulator.records.now() - began).toBeLessThan(1_000);
  expect(await outcomes).toEqual(['UND_ERR_SOCKET', 'UND_ERR_SOCKET', 'UND_ERR_SOCKET']);
  expect(await errorCode(harness.status('x'))).toBe('ECONNREFUSED');
});

it('may be closed twice', async () => {
  const { simulator } = await startHarness();
  await simulator.close();
  await expect(simulator.close()).resolves.toBeUndefined();
});

it('does nothing afterwards', async () => {
  const harness = await startHarness({ generationMs: { 5: [100, 100] } });
  const taskId = await harness.createTask('running');
  const { records } = harness.simulator;
  const { endsAt } = records.task(taskId) ?? {};
  await harness.simulator.close();
  while (records.now() < (endsAt ?? Infinity) + 5) await new Promise((resolve) => setImmediate(resolve));
  expect(records.task(taskId)?.state).toBe('processing');
});
