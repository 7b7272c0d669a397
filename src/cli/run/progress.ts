import type { CliContext } from '../command-context.ts';
import type { Counts } from '../../ledger/batch.ts';
import type { Usage } from '../../ledger/limits.ts';
import { endStates, itemStates } from '../../ledger/schema/states.ts';
import { formatCount, formatDuration } from '../../core/format.ts';

/** Interval of progress lines if the output is not a terminal, in milliseconds. */
const LINE_INTERVAL_MS = 10_000;

/** Shows progress on standard error: in place on a terminal, otherwise as a line every 10 s. */
export class ProgressRenderer {
  readonly #context: CliContext;
  #renderedLines = 0;
  #lastLineAt = Number.NEGATIVE_INFINITY;

  constructor(context: CliContext) {
    this.#context = context;
  }

  render(view: ProgressView): void {
    if (this.#context.terminal) {
      const lines = progressLines(view, this.#context.columns());
      this.#context.control(this.#eraser());
      this.#context.err(`${lines.join('\n')}\n`);
      this.#renderedLines = lines.length;
    } else if (performance.now() - this.#lastLineAt >= LINE_INTERVAL_MS) {
      this.#lastLineAt = performance.now();
      this.#context.err(`${progressLine(view)}\n`);
    }
  }

  /** Prints a line above the progress. */
  log(text: string): void {
    this.#context.control(this.#eraser());
    this.#context.err(`${text}\n`);
    this.#renderedLines = 0;
  }

  /** Erases the progress. */
  clear(): void {
    this.#context.control(this.#eraser());
    this.#renderedLines = 0;
  }

  /** Returns the control sequence that erases the rendered lines. */
  #eraser(): string {
    return this.#renderedLines === 0 ? '' : `\u001B[${this.#renderedLines}A\u001B[0J`;
  }
}

/** The figures to show, summed over all batches of the run. */
export interface ProgressView {
  title: string;
  counts: Counts;
  clipsPerMinute: number;
  usage: Usage;
  /** Milliseconds until the end; `null` if unknown. */
  etaMs: number | null;
  /** Why submission or storage is blocked, one sentence each, with the cure. */
  obstacles: readonly string[];
}

/** States shown next to the bar, which shows the clips that are done. */
const shownStates = itemStates.filter((state) => state !== 'done');

/** Formats progress for a terminal with this many columns. */
export function progressLines(view: ProgressView, columns: number): string[] {
  const { counts } = view;
  const ended = endStates.reduce((sum, state) => sum + counts[state], 0);
  const share = counts.total === 0 ? 0 : ended / counts.total;
  const figures = `${formatCount(ended)} / ${formatCount(counts.total)}  ${Math.floor(share * 100)} %`;
  const title = view.title.length > 32 ? `${view.title.slice(0, 31)}…` : view.title;
  const width = Math.max(10, Math.min(40, columns - title.length - figures.length - 6));
  const lines = [`${title}  ${bar(share, width)}  ${figures}`, `  ${formatStates(counts)}`, `  ${formatPace(view)}`];
  const cut = lines.map((line) => (line.length > columns ? `${line.slice(0, columns - 1)}…` : line));
  return [...cut, ...obstaclesOf(view).flatMap((obstacle) => wrap(`  ! ${obstacle}`, columns))];
}

/** Formats progress as one line, for a log. */
export function progressLine(view: ProgressView): string {
  const { counts } = view;
  const warning = obstaclesOf(view)
    .map((obstacle) => ` · ! ${obstacle}`)
    .join('');
  return `${view.title}: ${formatCount(counts.done)} of ${formatCount(counts.total)} done · ${formatStates(counts)} · ${formatPace(view)}${warning}`;
}

/** Returns the obstacles; if there are none, whether held submissions occupy all slots. */
function obstaclesOf({ obstacles, counts, usage }: ProgressView): readonly string[] {
  if (obstacles.length > 0) return obstacles;
  const full = usage.slots.used >= usage.slots.ceiling && counts.submitting + counts.generating === 0;
  if (!full || counts.queued === 0 || counts.held === 0) return [];
  return ['no slot is free: a held submission keeps its slot for up to 5 min, as its task may be running'];
}

/** Maximum number of lines of an obstacle on a terminal. */
const MAX_OBSTACLE_LINES = 6;

/** Wraps a line at the width of the terminal. A truncated reason would be useless. */
function wrap(line: string, columns: number): string[] {
  const width = Math.max(20, columns);
  const lines: string[] = [];
  for (let rest = line; rest !== '' && lines.length < MAX_OBSTACLE_LINES;) {
    const blank = rest.length > width ? rest.lastIndexOf(' ', width) : rest.length;
    const at = blank > 4 ? blank : width;
    lines.push(rest.slice(0, at));
    rest = rest.slice(at).trim() === '' ? '' : `    ${rest.slice(at).trimStart()}`;
  }
  return lines;
}

export function bar(share: number, width: number): string {
  const full = Math.round(Math.min(1, Math.max(0, share)) * width);
  return '█'.repeat(full) + '░'.repeat(width - full);
}

function formatStates(counts: Counts): string {
  const words = shownStates
    .filter((state) => counts[state] > 0)
    .map((state) => `${formatCount(counts[state])} ${state}`);
  return words.join(' · ') || 'nothing in progress';
}

function formatPace({ clipsPerMinute, usage, etaMs }: ProgressView): string {
  const { slots, requests } = usage;
  const perWindow = requests.windowMs === 60_000 ? 'requests/min' : `requests in ${formatDuration(requests.windowMs)}`;
  const lowered = slots.ceiling < slots.max ? ` (of ${formatCount(slots.max)})` : '';
  return [
    `${formatCount(Math.round(clipsPerMinute))} clips/min`,
    `slots ${formatCount(slots.used)}/${formatCount(slots.ceiling)}${lowered}`,
    `${formatCount(requests.used)}/${formatCount(requests.max)} ${perWindow}`,
    ...(etaMs === null ? [] : [`about ${formatDuration(etaMs)} left`]),
  ].join(' · ');
}
