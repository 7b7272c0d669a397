import { request } from 'undici';
import { expect, it } from 'vitest';
import { errorCode, startRig, textInput, until } from './support.ts';

it('ends whatever is under way, at once, and frees the port', async () => {
  const rig = await startRig({ clipBytes: 200_000, generationMs: { 5: [0, 0], 10: [60_000, 60_000] } });
  const { simulator } = rig;
  const [url = ''] = await rig.urlsOf('[file:stall]');
  const stalled = request(url, { dispatcher: rig.agent }).then(({ body }) => body.arrayBuffer());
  const hanging = rig.post({ input: { ...textInput, prompt: '[hang]' } });
  await rig.create('running', { duration: 10 });
  await until(rig, () => simulator.records.summary().tasks.made === 3);
  simulator.setFaults({ latencyMs: [60_000, 60_000] });
  const late = rig.status('x');
  const outcomes = Promise.all([stalled, hanging, late].map(errorCode));
  await until(rig, () => simulator.records.summary().files.requests === 1);

  const began = simulator.records.now();
  await simulator.close();
  expect(simulator.records.now() - began).toBeLessThan(1_000);
  expect(await outcomes).toEqual(['UND_ERR_SOCKET', 'UND_ERR_SOCKET', 'UND_ERR_SOCKET']);
  expect(await errorCode(rig.status('x'))).toBe('ECONNREFUSED');
});

it('may be closed twice', async () => {
  const { simulator } = await startRig();
  await simulator.close();
  await expect(simulator.close()).resolves.toBeUndefined();
});

it('lets nothing happen afterwards', async () => {
  const rig = await startRig({ generationMs: { 5: [100, 100] } });
  const taskId = await rig.createTask('running');
  const { records } = rig.simulator;
  const { endsAt } = records.task(taskId) ?? {};
  await rig.simulator.close();
  while (records.now() < (endsAt ?? Infinity) + 5) await new Promise((resolve) => setImmediate(resolve));
  expect(records.task(taskId)?.state).toBe('processing');
});
