import { workerMain } from '../src/runtime/worker-process.ts';

await workerMain(['submit']);
