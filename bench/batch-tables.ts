import type { Measured } from './scenario.ts';

type Column = [title: string, cell: (measured: Measured) => string];

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
  [
    'end to seen ms, mean / p99',
    ({ detectMeanMs, detectP99Ms }) => `${detectMeanMs.toFixed(0)} / ${detectP99Ms.toFixed(0)}`,
  ],
  [
    'seen to next POST ms, mean / p99',
    ({ refillMeanMs, refillP99Ms }) => `${refillMeanMs.toFixed(0)} / ${refillP99Ms.toFixed(0)}`,
  ],
];

const callbackColumns: Column[] = [
  ...columns.slice(0, 3),
  ['efficiency / possible', ({ efficiency, possible }) => `${efficiency.toFixed(3)} / ${possible.toFixed(3)}`],
  ['slots filled in s', ({ fillMs }) => (fillMs / 1000).toFixed(2)],
  ['requests a clip', ({ requestsPerClip }) => requestsPerClip.toFixed(2)],
  [
    'end to seen ms, median / p99',
    ({ detectMedianMs, detectP99Ms }) => `${detectMedianMs.toFixed(0)} / ${detectP99Ms.toFixed(0)}`,
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
      [refillMedianMs, refillMeanMs, refillP99Ms].map((ms) => ms.toFixed(0)).join(' / '),
  ],
];

function table(shown: readonly Column[]) {
  return {
    header: `| ${shown.map(([title]) => title).join(' | ')} |\n|${shown.map(() => ' --- |').join('')}`,
    row: (measured: Measured) => `| ${shown.map(([, cell]) => cell(measured)).join(' | ')} |`,
  };
}

/** What is looked at of every batch. */
export const batchTable = table(columns);
/** What the second witness of a submission costs. */
export const durabilityTable = table(durabilityColumns);
/** What callbacks are about. */
export const callbackTable = table(callbackColumns);
