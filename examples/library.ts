/**
 * clipmill from code: submit prompts, wait, print the results.
 *
 *   APIXO_API_KEY=… node examples/library.ts        (Node 24, after `npm run build`)
 *
 * Without REDIS_URL it keeps its state in .clipmill/ of this folder; run it again and nothing is paid
 * for twice.
 */
import { createClipmill, type JobInput } from 'clipmill';

/** Prompts may come from anywhere and slowly: work begins with the first. */
async function* prompts(): AsyncGenerator<JobInput> {
  yield { id: 'waterfall', prompt: 'a serene waterfall in the forest with birds chirping' };
  yield { id: 'fox', prompt: 'a fox running through snow', duration: 10, aspect_ratio: '16:9' };
}

const clipmill = await createClipmill();
try {
  const batch = await clipmill.submit('from-code', prompts(), { maxClips: 10, defaults: { sound: false } });
  console.log(`${batch.submission.added} new, ${batch.submission.existing} existing`);

  const { counts } = await batch.ended();
  console.log(`${counts.done} of ${counts.total} done`);

  for await (const item of batch.items()) console.log(item.id, item.state, item.location ?? item.code);
  console.log('gallery:', (await batch.storePages()).gallery);
} finally {
  await clipmill.close();
}
