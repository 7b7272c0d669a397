import { openListeners } from '../src/server/open-listeners.ts';
import { workerMain } from '../src/worker/process.ts';

await workerMain(['submit', 'poll', 'download'], openListeners);
