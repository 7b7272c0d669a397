import { openListeners } from '../src/server/worker.ts';
import { workerMain } from '../src/worker/process.ts';

await workerMain(['poll'], openListeners);
