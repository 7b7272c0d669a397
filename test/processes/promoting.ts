/**
 * A process that keeps its heap small, although garbage comes to its old generation all the time:
 *
 *   node dist/test/processes/promoting.js
 *
 * Prints how far its heap had grown whenever the old generation was collected, and ends after three times.
 */
import { getHeapStatistics } from 'node:v8';
import { keepHeapSmall } from '../../src/worker/gc-tuning.ts';

/** More than the young generation has, in bytes. */
const COLLECTED = 12_000_000;

keepHeapSmall();

/** Each lives long enough to be promoted, and is garbage then. */
const recent: object[] = [];
let most = 0;
let times = 0;

const promoting = setInterval(() => {
  for (let n = 0; n < 1_000; n += 1) recent[Math.floor(Math.random() * 50_000)] = { n, more: { n } };
  const used = getHeapStatistics().used_heap_size;
  if (used > most - COLLECTED) {
    most = Math.max(most, used);
    return;
  }
  process.stdout.write(`collected at ${Math.round(most / 1e6)} MB, ${Math.round(used / 1e6)} MB left\n`);
  most = used;
  times += 1;
  if (times === 3) clearInterval(promoting);
}, 1);
