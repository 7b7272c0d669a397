import { openListeners } from '../src/server/worker.ts';
import { workerMain } from '../src/worker/process.ts';

await workerMain(['submit'], openListeners);
