import { workerMain } from '../src/worker/process.ts';

await workerMain(['download']);
