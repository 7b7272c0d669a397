import type { CliContext } from '../context.ts';
import type { Counts } from '../../ledger/batch.ts';
import type { Usage } from '../../ledger/limits.ts';
import { endStates, itemStates } from '../../ledger/schema/states.ts';
import { formatCount, formatDuration } from '../../core/format.ts';

/** A line this often where no person watches, in milliseconds. */
const LINE_EVERY_MS = 10_000;

/** Shows progress on standard error: repainted in place on a terminal, else a line now and then. */
export class ProgressRenderer {
  readonly #context: CliContext;
  #painted = 0;
  #lastLineAt = Number.NEGATIVE_INFINITY;

  constructor(context: CliContext) {
    this.#context = context;
  }

  paint(view: ProgressView): void {
    if (this.#context.terminal) {
      const lines = progressLines(view, this.#context.columns());
      this.#context.control(this.#eraser());
      this.#context.err(`${lines.join('\n')}\n`);
      this.#painted = lines.length;
    } else if (performance.now() - this.#lastLineAt >= LINE_EVERY_MS) {
      this.#lastLineAt = performance.now();
      this.#context.err(`${progressLine(view)}\n`);
    }
  }

  /** Prints a line above the progress. */
  say(text: string): void {
    this.#context.control(this.#eraser());
    this.#context.err(`${text}\n`);
    this.#painted = 0;
  }

  /** Erases the progress. */
  clear(): void {
    this.#context.control(this.#eraser());
    this.#painted = 0;
  }

  /** Moves to where the last paint began and erases it. */
  #eraser(): string {
    return this.#painted === 0 ? '' : `\u001B[${this.#painted}A\u001B[0J`;
  }
}

/** The figures to show of all batches in progress together. */
export interface ProgressView {
  title: string;
  counts: Counts;
  clipsPerMinute: number;
  usage: Usage;
  /** Milliseconds to the end; `null` when it is unknown. */
  etaMs: number | null;
  /** Why nothing moves, each with what ends it. */
  obstacles: readonly string[];
}

/** The states beside the bar, which has the clips that are done. */
const shownStates = itemStates.filter((state) => state !== 'done');

/** The lines of a terminal of this many columns. */
export function progressLines(view: ProgressView, columns: number): string[] {
  const { counts } = view;
  const ended = endStates.reduce((sum, state) => sum + counts[state], 0);
  const share = counts.total === 0 ? 0 : ended / counts.total;
  const figures = `${formatCount(ended)} / ${formatCount(counts.total)}  ${Math.floor(share * 100)} %`;
  const title = view.title.length > 32 ? `${view.title.slice(0, 31)}…` : view.title;
  const width = Math.max(10, Math.min(40, columns - title.length - figures.length - 6));
  const lines = [`${title}  ${bar(share, width)}  ${figures}`, `  ${stateWords(counts)}`, `  ${paceWords(view)}`];
  const cut = lines.map((line) => (line.length > columns ? `${line.slice(0, columns - 1)}…` : line));
  return [...cut, ...obstaclesOf(view).flatMap((obstacle) => wrap(`  ! ${obstacle}`, columns))];
}

/** The same on one line, for a log. */
export function progressLine(view: ProgressView): string {
  const { counts } = view;
  const warning = obstaclesOf(view)
    .map((obstacle) => ` · ! ${obstacle}`)
    .join('');
  return `${view.title}: ${formatCount(counts.done)} of ${formatCount(counts.total)} done · ${stateWords(counts)} · ${paceWords(view)}${warning}`;
}

/** Returns the obstacle of clips that wait: the account, the API, the storage, or slots that are all retained. */
function obstaclesOf({ obstacles, counts, usage }: ProgressView): readonly string[] {
  if (obstacles.length > 0) return obstacles;
  const full = usage.slots.used >= usage.slots.ceiling && counts.submitting + counts.generating === 0;
  if (!full || counts.queued === 0 || counts.held === 0) return [];
  return ['no slot is free: a held submission keeps its own for some minutes, as its task may be running'];
}

/** Longest obstacle on a terminal, in lines. */
const MAX_WRAPPED = 6;

/** Breaks a line at the width of the terminal; a reason that is cut off is none. */
function wrap(line: string, columns: number): string[] {
  const width = Math.max(20, columns);
  const lines: string[] = [];
  for (let rest = line; rest !== '' && lines.length < MAX_WRAPPED;) {
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

function stateWords(counts: Counts): string {
  const words = shownStates
    .filter((state) => counts[state] > 0)
    .map((state) => `${formatCount(counts[state])} ${state}`);
  return words.join(' · ') || 'nothing in progress';
}

function paceWords({ clipsPerMinute, usage, etaMs }: ProgressView): string {
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
