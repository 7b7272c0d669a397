// The thread of hash-thread.ts: takes pieces out of the ring in the order in which they came, and says
// the hash of each stream at its end.
import { createHash } from 'node:crypto';
import { parentPort, workerData } from 'node:worker_threads';

const { bytes, heads, counts, slots, slotBytes, GIVEN, TAKEN, END } = workerData;
const hashes = new Map();

for (let taken = 0; ; taken = (taken + 1) | 0) {
  // It may be woken for a slot that it has seen and emptied before it went to sleep.
  while (Atomics.load(counts, GIVEN) === taken) Atomics.wait(counts, GIVEN, taken);
  const slot = taken & (slots - 1);
  const [stream, length] = heads.subarray(slot * 2, slot * 2 + 2);
  const hash = hashes.get(stream) ?? createHash('sha256');
  if (length >= 0) {
    hashes.set(stream, hash.update(bytes.subarray(slot * slotBytes, slot * slotBytes + length)));
  } else {
    hashes.delete(stream);
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- of windows, not of threads
    if (length === END) parentPort.postMessage([stream, hash.digest('hex')]);
  }
  Atomics.store(counts, TAKEN, (taken + 1) | 0);
  Atomics.notify(counts, TAKEN);
}
