import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { hashName, NameTable } from '../src/jobs/compile/name-table.ts';

/** Compares the table of names with a Map, for the names of 1,000,000 clips: node dist/bench/name-table.js table|map */
const NAMES = 1_000_000;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

function liveBytes(): number {
  // The second collection frees what the first one found in the old space.
  collectGarbage();
  collectGarbage();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

const name = (number: number): string => `spring-campaign\0job-${number}-fox-snow`;
const kind = process.argv[2] === 'map' ? 'map' : 'table';
const table = new NameTable();
const map = new Map<string, number>();
const bytes = liveBytes();
const cpu = process.cpuUsage();
for (let number = 1; number <= NAMES; number++) {
  if (kind === 'table') table.claim(hashName(name(number)), { file: 0, line: number, job: number });
  else if (!map.has(name(number))) map.set(name(number), number);
}
const ms = process.cpuUsage(cpu).user / 1_000;
const megabytes = (liveBytes() - bytes) / 1_000_000;
// Keeps both alive up to here.
const last = table.find(hashName(name(NAMES)))?.job ?? map.get(name(NAMES));
process.stdout.write(`${kind}: ${last} names, ${megabytes.toFixed(0)} MB, ${ms.toFixed(0)} ms of CPU\n`);
