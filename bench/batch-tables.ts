import type { Measured } from './scenario.ts';

type Column = [title: string, cell: (measured: Measured) => string];

/** Formats milliseconds. There are none if a batch has no more clips than slots. */
const whole = (ms: number) => (Number.isNaN(ms) ? '–' : ms.toFixed(0));

const columns: Column[] = [
  ['run', ({ scenario }) => scenario.name],
  ['clips', ({ scenario }) => `${scenario.clips} × ${scenario.mix}`],
  ['makespan s', ({ makespanMs }) => (makespanMs / 1000).toFixed(1)],
  ['efficiency', ({ efficiency }) => efficiency.toFixed(3)],
  ['slots filled in s', ({ fillMs }) => (fillMs / 1000).toFixed(2)],
  ['requests in a window', ({ maxRequestsInWindow, requestLimit }) => `${maxRequestsInWindow} / ${requestLimit}`],
  ['tasks', ({ maxTasks, taskLimit }) => `${maxTasks} / ${taskLimit}`],
  ['429', ({ refused429 }) => String(refused429)],
  ['doubled', ({ doubled }) => String(doubled)],
  ['CPU ms a clip', ({ workerCpuMs }) => workerCpuMs.toFixed(2)],
  ['Redis', ({ redisCpuMs }) => redisCpuMs.toFixed(2)],
  ['peak MB', ({ peakBytes }) => (peakBytes / 1e6).toFixed(0)],
  ['end to seen ms, mean / p99', ({ detectMeanMs, detectP99Ms }) => `${whole(detectMeanMs)} / ${whole(detectP99Ms)}`],
  [
    'seen to next POST ms, mean / p99',
    ({ refillMeanMs, refillP99Ms }) => `${whole(refillMeanMs)} / ${whole(refillP99Ms)}`,
  ],
];

const callbackColumns: Column[] = [
  ...columns.slice(0, 3),
  ['efficiency / possible', ({ efficiency, possible }) => `${efficiency.toFixed(3)} / ${possible.toFixed(3)}`],
  ['slots filled in s', ({ fillMs }) => (fillMs / 1000).toFixed(2)],
  ['requests a clip', ({ requestsPerClip }) => requestsPerClip.toFixed(2)],
  [
    'end to seen ms, median / p99',
    ({ detectMedianMs, detectP99Ms }) => `${whole(detectMedianMs)} / ${whole(detectP99Ms)}`,
  ],
  ['held', ({ held }) => String(held)],
  ['doubled', ({ doubled }) => String(doubled)],
  ['429', ({ refused429 }) => String(refused429)],
  ['CPU ms a clip', ({ workerCpuMs }) => workerCpuMs.toFixed(2)],
  ['Redis', ({ redisCpuMs }) => redisCpuMs.toFixed(2)],
];

const durabilityColumns: Column[] = [
  ...columns.slice(0, 4),
  ['doubled', ({ doubled }) => String(doubled)],
  ['CPU ms a clip', ({ workerCpuMs }) => workerCpuMs.toFixed(2)],
  ['Redis', ({ redisCpuMs }) => redisCpuMs.toFixed(2)],
  [
    'seen to next POST ms, median / mean / p99',
    ({ refillMedianMs, refillMeanMs, refillP99Ms }) =>
      [refillMedianMs, refillMeanMs, refillP99Ms].map(whole).join(' / '),
  ],
];

function table(shown: readonly Column[]) {
  return {
    header: `| ${shown.map(([title]) => title).join(' | ')} |\n|${shown.map(() => ' --- |').join('')}`,
    row: (measured: Measured) => `| ${shown.map(([, cell]) => cell(measured)).join(' | ')} |`,
  };
}

/** The table of whole batches. */
export const batchTable = table(columns);
/** The table of runs with each CLIPMILL_DURABILITY. */
export const durabilityTable = table(durabilityColumns);
/** The table of runs with and without callbacks. */
export const callbackTable = table(callbackColumns);
