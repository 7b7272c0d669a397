import type { Measured } from './scenario.ts';

const columns: [title: string, cell: (measured: Measured) => string][] = [
  ['run', ({ scenario }) => scenario.name],
  ['clips', ({ scenario }) => `${scenario.clips} × ${scenario.mix}`],
  ['makespan s', ({ makespanMs }) => (makespanMs / 1000).toFixed(1)],
  ['efficiency', ({ efficiency }) => efficiency.toFixed(3)],
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

export const header = `| ${columns.map(([title]) => title).join(' | ')} |\n|${columns.map(() => ' --- |').join('')}`;

export function describeMeasured(measured: Measured): string {
  return `| ${columns.map(([, cell]) => cell(measured)).join(' | ')} |`;
}
