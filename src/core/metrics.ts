import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import { packageVersion } from './version.ts';

/**
 * The metrics of this process, as `/metrics` exposes them. Labels have few, fixed values and never hold a batch, item,
 * task, URL or message.
 */
export const registry = new Registry();

const registers = [registry];
const GENERATION_S = [20, 30, 40, 50, 60, 70, 80, 90, 100, 120, 180, 300, 600];
const DETECTION_S = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const STEP_S = [0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];

export const metrics = {
  apiRequests: new Counter({
    name: 'clipmill_api_requests_total',
    help: 'Requests to the API by their kind and the HTTP status of the answer; none: there was no answer.',
    labelNames: ['kind', 'status'],
    registers,
  }),
  apiRequestSeconds: new Histogram({
    name: 'clipmill_api_request_seconds',
    help: 'Time from a request to the API until its answer is read, by kind.',
    labelNames: ['kind'],
    buckets: [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
    registers,
  }),
  steps: new Counter({
    name: 'clipmill_steps_total',
    help: 'Steps by queue and result: done, again (the same job once more later), error.',
    labelNames: ['queue', 'result'],
    registers,
  }),
  stepSeconds: new Histogram({
    name: 'clipmill_step_seconds',
    help: 'Duration of steps, by queue.',
    labelNames: ['queue'],
    buckets: STEP_S,
    registers,
  }),
  downloadBytes: new Counter({
    name: 'clipmill_download_bytes_total',
    help: 'Bytes of clips that were stored.',
    registers,
  }),
  generationSeconds: new Histogram({
    name: 'clipmill_generation_seconds',
    help: 'Generation time of clips, as the API reports it.',
    buckets: GENERATION_S,
    registers,
  }),
  endSeenSeconds: new Histogram({
    name: 'clipmill_end_seen_seconds',
    help: 'Time from the end of a task, as the API reports it, to the poll that found it; both clocks must be right.',
    buckets: DETECTION_S,
    registers,
  }),
  taskEnds: new Counter({
    name: 'clipmill_task_ends_total',
    help: 'Ends of tasks by the cause of the poll that found them: callback, fallback (no callback came), poll.',
    labelNames: ['by'],
    registers,
  }),
  callbacks: new Counter({
    name: 'clipmill_callbacks_total',
    help: 'Requests to the callback listener by result: wake, taught, late, probe, forged, unavailable.',
    labelNames: ['result'],
    registers,
  }),
  lenientReadings: new Counter({
    name: 'clipmill_lenient_readings_total',
    help: 'Answers of the API that deviate from its documentation, by endpoint and deviation: the API may have changed.',
    labelNames: ['endpoint', 'what'],
    registers,
  }),
  unclearAnswers: new Counter({
    name: 'clipmill_unclear_answers_total',
    help: 'Answers about a task without its state, by reason: no-url, no-state, other-task, unknown-task.',
    labelNames: ['why'],
    registers,
  }),
  activeSteps: new Gauge({
    name: 'clipmill_active_steps',
    help: 'Running steps, by queue.',
    labelNames: ['queue'],
    registers,
  }),
  workerIdleSeconds: new Gauge({
    name: 'clipmill_worker_idle_seconds',
    help: 'Time since a step last began or ended, by queue.',
    labelNames: ['queue'],
    registers,
  }),
};

new Gauge({
  name: 'clipmill_build_info',
  help: 'Always 1: the version of clipmill and of Node.js.',
  labelNames: ['version', 'node'],
  registers,
}).set({ version: packageVersion(), node: process.version }, 1);

let collecting = false;

/** Starts to collect the default metrics (event loop, heap, CPU), which cost CPU from then on. May be called twice. */
export function collectProcessMetrics(): void {
  if (collecting) return;
  collecting = true;
  collectDefaultMetrics({ register: registry });
}
